/**
 * One at a time among processes of this machine: a file with the process id of who is at work. Needs nothing
 * installed.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Held by whoever installs or builds in this clone. */
export const cloneLock = join(dirname(fileURLToPath(import.meta.url)), '..', '.bootstrap.lock');

const pollMs = 200;
/** Nothing that is done under it takes as long: the process id is another's by now. */
const staleAfterMs = 15 * 60_000;

/**
 * Runs `work` while the lock at `path` is held, and resolves to what it does. `onWait` is called once, with the
 * process id of who has the lock, should it be waited for.
 */
export async function withLock(path, work, onWait = () => {}) {
  for (let told = false; !take(path); ) {
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (isOver(path, holder)) {
      discard(path, holder);
      continue;
    }
    if (!told) onWait(holder);
    told = true;
    await delay(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path) {
  // Made beside it and linked: a lock is never seen without its process id.
  const own = `${path}.${process.pid}.${takes++}`;
  writeFileSync(own, `${process.pid}\n`);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}
let takes = 0;

/** Undefined: it was given back meanwhile. */
function readHolder(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isOver(path, pid) {
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if (error.code === 'ESRCH') return true;
  }
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > staleAfterMs;
}

/** Of two that find a dead one's lock only one takes it away, and none that of a third. */
function discard(path, pid) {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return;
  }
  try {
    if (Number(readFileSync(aside, 'utf8')) !== pid) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
