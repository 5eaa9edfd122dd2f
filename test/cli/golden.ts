import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';

/** Compares with `golden/<name>`; UPDATE_GOLDEN=1 writes it anew, to be read as a diff. */
export function assertGolden(name: string, text: string): void {
  const path = new URL(`golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
  if (!existsSync(path)) assert.unreachable(`golden/${name} is missing: run with UPDATE_GOLDEN=1`);
  assert.fixture(text, readFileSync(path, 'utf8'));
}
