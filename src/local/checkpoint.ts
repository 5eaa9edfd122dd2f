import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { InvariantError, UnavailableError } from '../model/errors.ts';
import type { Output } from './model/io.ts';
import type { State } from './model/state.ts';
import type { ContainerRecord } from './runner/runner.ts';

/*
 * What the embedded Mesos owes: nobody hears of anything that it could forget.
 *
 * The state is written, and synced to the disk, after every batch of inputs and *before* any output of that
 * batch is carried out: before a call is answered 202, before a task update or an offer is sent, before a
 * container is started or a volume destroyed. So a kill -9, or a power cut, shows as a connection that
 * broke, never as a reservation, a volume or an acknowledged update that went missing. Batches grow while a
 * write is under way, so there is at most one write in flight and no queue of them.
 *
 * A batch of mere ticks which sent nothing but heartbeats is not written: it is only time.
 *
 * The outputs of the batch are written with it (`effects`). After a crash, those on volumes and the ends of
 * containers are carried out again: they are harmless when they were done, and needed when they were not. A
 * container that was to be started is not started again: it counts as ended, as after a crash of an agent.
 */

export type Checkpoint = {
  readonly formatVersion: 1;
  readonly state: State;
  /** What the agents were told to be, by name; an agent that is not named here runs. */
  readonly stoppedAgents: Readonly<Record<string, 'running' | 'gone'>>;
  readonly containers: readonly ContainerRecord[];
  readonly effects: readonly Effect[];
};

export type Effect = Extract<
  Output,
  { readonly kind: 'destroy-container' | 'create-volume' | 'destroy-volume' }
>;

/** Undefined when there is none. Throws UnavailableError, InvariantError `KM_BUG_LOCAL_CHECKPOINT`. */
export async function readCheckpoint(file: string): Promise<Checkpoint | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new UnavailableError('KM_UNAVAILABLE_LOCAL_STATE', `The state in ${file} cannot be read.`, {
      cause: error,
      remedy: 'Check the permissions of the directory.',
    });
  }
  const remedy = 'Move the file away to begin anew; tasks that still run are then ended.';
  let value: Checkpoint;
  try {
    value = JSON.parse(text) as Checkpoint;
  } catch (cause) {
    throw new InvariantError('KM_BUG_LOCAL_CHECKPOINT', `The state in ${file} is damaged.`, {
      cause,
      remedy,
    });
  }
  if (value.formatVersion !== 1) {
    throw new InvariantError(
      'KM_BUG_LOCAL_CHECKPOINT',
      `The state in ${file} has the format ${JSON.stringify(value.formatVersion)}; this version reads 1.`,
      { remedy },
    );
  }
  return value;
}

/** Replaces the file as a whole; it is on the disk when this returns. */
export async function writeCheckpoint(file: string, checkpoint: Checkpoint): Promise<void> {
  await writeDurably(file, JSON.stringify(checkpoint));
}

/** Atomic and synced: write a temporary file, sync it, rename it, sync the directory. */
export async function writeDurably(file: string, text: string, mode = 0o600): Promise<void> {
  const directory = path.dirname(file);
  await mkdir(directory, { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
