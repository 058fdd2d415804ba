import { errorMessage } from '../errors';

/** One line of it. */
export function reasonOf(error: unknown): string {
  return (errorMessage(error).split(/[\r\n]/)[0] ?? '').slice(0, 300);
}
