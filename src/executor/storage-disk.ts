import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BrokerFailure, errorText, systemCode } from './failure.ts';
import type { FormatMarker, FormattedRecord, StorageFacts, VolumeContent } from './storage.ts';
import { parseMetaProperties } from './storage.ts';

/** Everything in a volume that is ours and not Kafka's. */
export const ownFolder = '.kafka-mesos';

/**
 * Kafka's log directory inside a volume. Never the volume itself: Kafka takes every folder of a log
 * directory for a partition and does not start over `lost+found` or our own folder.
 */
export function dataDirectory(volumePath: string): string {
  return join(volumePath, 'data');
}

export type DiskVolume = { readonly name: string; readonly path: string };

/** Reads what is on the volumes. Throws `BrokerFailure` `storage-unusable` where it cannot be read. */
export async function readStorage(volumes: readonly DiskVolume[]): Promise<StorageFacts> {
  const contents: { name: string; content: VolumeContent }[] = [];
  for (const volume of volumes) contents.push({ name: volume.name, content: await readVolume(volume) });
  const marker = await readJson<FormatMarker>(markerPath(volumes));
  const record = await readJson<FormattedRecord>(recordPath(volumes));
  return { ...(marker ? { marker } : {}), ...(record ? { record } : {}), volumes: contents };
}

/** Says, durably, that a format is about to begin. */
export async function writeMarker(volumes: readonly DiskVolume[], marker: FormatMarker): Promise<void> {
  await writeDurably(markerPath(volumes), `${JSON.stringify(marker)}\n`);
}

/** Replaces the marker by the record that the format is whole; only after this may a JVM start. */
export async function finishFormat(volumes: readonly DiskVolume[], record: FormattedRecord): Promise<void> {
  for (const { path } of volumes) await syncTree(dataDirectory(path));
  await writeDurably(recordPath(volumes), `${JSON.stringify(record)}\n`);
  await rm(markerPath(volumes), { force: true });
  await syncDirectory(dirname(markerPath(volumes)));
}

/** Removes what an interrupted format left; the caller has decided that there is nothing else. */
export async function cleanInterrupted(volumes: readonly DiskVolume[]): Promise<void> {
  for (const { path } of volumes) await rm(dataDirectory(path), { recursive: true, force: true });
}

async function readVolume({ name, path }: DiskVolume): Promise<VolumeContent> {
  const strangers = (await list(name, path)).filter(
    (entry) => !['lost+found', ownFolder, 'data'].includes(entry.name),
  );
  if (strangers.length > 0) return { kind: 'occupied', entries: namesOf(strangers) };
  const data = namesOf(await list(name, dataDirectory(path)));
  if (data.length === 0) return { kind: 'empty' };
  const text = await readFile(join(dataDirectory(path), 'meta.properties'), 'utf8').catch(
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw unreadable(name, error);
    },
  );
  if (text === undefined) return { kind: 'incomplete', entries: data, cause: 'it is missing' };
  const meta = parseMetaProperties(text);
  if (meta === undefined) {
    return { kind: 'incomplete', entries: data, cause: 'cluster.id or node.id is missing in it' };
  }
  return { kind: 'formatted', meta, entries: data };
}

async function list(name: string, path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw unreadable(name, error);
  }
}

const namesOf = (entries: readonly Dirent[]): string[] => entries.map((entry) => entry.name).sort();

function unreadable(name: string, cause: unknown): BrokerFailure {
  // "Could not read" must never look like "empty".
  return new BrokerFailure('storage-unusable', `volume "${name}" cannot be read: ${errorText(cause)}`, {
    cause,
    remedy: 'Check the disk and that the task user may read and write the volume.',
  });
}

function markerPath(volumes: readonly DiskVolume[]): string {
  return join(volumes[0]?.path ?? '.', ownFolder, 'formatting.json');
}

function recordPath(volumes: readonly DiskVolume[]): string {
  return join(volumes[0]?.path ?? '.', ownFolder, 'formatted.json');
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new BrokerFailure('storage-unusable', `${path} cannot be read: ${errorText(error)}`, {
      cause: error,
      remedy: 'The file is ours; look at the volume before removing it by hand.',
    });
  }
}

/** Write, sync, rename, sync the folder: after a power cut there is the old file or the new one. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a freshly written tree durable, files before their folders. Links are left alone. */
export async function syncTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) await syncTree(join(path, entry.name));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(path, name));
  // Several at a time, so that the file system can commit them together.
  for (let at = 0; at < files.length; at += syncsAtOnce) {
    await Promise.all(files.slice(at, at + syncsAtOnce).map(syncDirectory));
  }
  await syncDirectory(path);
}

const syncsAtOnce = 16;
