/** `3.4 GB`, `12.0 MB`: as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  // 999.95 would be written as 1000.0
  for (let rest = bytes; rest >= 999.95 && unit < units.length - 1; rest /= 1000) unit += 1;
  return unit === 0 ? `${bytes} B` : `${(bytes / 1000 ** unit).toFixed(1)} ${units[unit]}`;
}

/** `1 path`, `2 paths`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
