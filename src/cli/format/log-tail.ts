import type { LogAnswer } from '../../model/api.ts';

/** The last `count` lines; a line that has no end yet counts. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n');
  const end = text.endsWith('\n') ? lines.length - 1 : lines.length;
  return count <= 0 ? '' : lines.slice(Math.max(0, end - count)).join('\n');
}

type Tail = Pick<LogAnswer, 'text' | 'path' | 'totalBytes'>;

/** What came since the previous look, from two looks at the end of a file. */
export function newPart(previous: Tail, current: Tail): { readonly text: string; readonly note?: string } {
  if (current.path !== previous.path) return { text: current.text, note: 'a new task' };
  if (current.totalBytes < previous.totalBytes) return { text: current.text, note: 'the file began anew' };
  const bytes = Buffer.from(current.text);
  const added = current.totalBytes - previous.totalBytes;
  if (added > bytes.length) return { text: current.text, note: `${added - bytes.length} bytes left out` };
  return { text: bytes.subarray(bytes.length - added).toString('utf8') };
}
