import { errorMessage } from '../errors';

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** One line of it. */
export function reasonOf(error: unknown): string {
  return (errorMessage(error).split('\n')[0] ?? '').slice(0, 300);
}
