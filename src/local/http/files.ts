import { constants, createReadStream } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Reply } from '../model/io.ts';
import { refusal, sendReply } from './exchange.ts';

/*
 * The agent's files API (GET /files/read, /files/browse, /files/download), as recorded in scenario 24.
 *
 * A path is either that of a sandbox on disk (`directory` in /state, `runs/latest` included) or the virtual
 * /frameworks/FRAMEWORK/executors/EXECUTOR/runs/latest, with anything below it. Whatever it is, its real
 * path has to lie in a sandbox or in a persistent volume of this agent: links out of them are refused.
 */

/** Mesos reads at most 16 pages at once. */
const maxReadBytes = 64 * 1024;
const notFound: Reply = { kind: 'reply', status: 404, text: '' };

export type FilesOptions = {
  readonly workDirectory: string;
  /** Under which the virtual paths are looked for; absent before the agent first registered. */
  readonly agentId?: string;
};

export async function handleFiles(options: FilesOptions, url: URL, response: ServerResponse): Promise<void> {
  const asked = url.searchParams.get('path');
  if (asked === null) return sendReply(response, refusal(400, "Expecting 'path=value' in query.\n"));
  const file = await resolveFile(options, asked);
  if (typeof file !== 'string') return sendReply(response, file);
  switch (url.pathname) {
    case '/files/browse':
      return sendReply(response, { kind: 'reply', status: 200, json: await browse(asked, file) });
    case '/files/read':
      return sendReply(response, await read(file, url.searchParams));
    default:
      return await download(file, path.basename(asked), response);
  }
}

/** The real path, or the refusal. */
async function resolveFile(options: FilesOptions, asked: string): Promise<string | Reply> {
  if (asked.includes('\0')) return notFound;
  const { workDirectory, agentId } = options;
  const slaves = path.join(workDirectory, 'slaves');
  const normal = path.normalize(asked);
  let wanted: string;
  if (normal.startsWith('/frameworks/') && agentId !== undefined) wanted = path.join(slaves, agentId, normal);
  else if (normal.startsWith(slaves + path.sep)) wanted = normal;
  else return notFound;
  // Only what lies in a sandbox is attached: slaves/*/frameworks/*/executors/*/runs/*.
  const depth = path.relative(slaves, wanted).split(path.sep);
  if (depth[0] === '..' || depth.length < 7 || depth[5] !== 'runs') return notFound;
  let real: string;
  try {
    real = await realpath(wanted);
  } catch {
    return notFound;
  }
  const root = await realpath(workDirectory);
  const isInside = ['slaves', 'volumes'].some((name) => real.startsWith(path.join(root, name) + path.sep));
  return isInside ? real : refusal(400, 'Resolved path is inaccessible.\n');
}

async function read(file: string, query: URLSearchParams): Promise<Reply> {
  const offset = numberOf(query, 'offset');
  const length = numberOf(query, 'length');
  if (offset === undefined || offset < -1) return refusal(400, 'Failed to parse offset.\n');
  if (length === undefined || length < -1) return refusal(400, 'Failed to parse length.\n');
  // Opening a pipe would wait for its other end.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (!handle) return notFound;
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) return refusal(400, 'Cannot read a directory.\n');
    if (!facts.isFile()) return refusal(400, 'Not a regular file.\n');
    const { size } = facts;
    if (offset === -1) return { kind: 'reply', status: 200, json: { data: '', offset: size } };
    const wanted = Math.max(0, Math.min(length === -1 ? maxReadBytes : length, maxReadBytes, size - offset));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset);
    const data = wholeCharacters(buffer.subarray(0, bytesRead)).toString('utf8');
    return { kind: 'reply', status: 200, json: { data, offset } };
  } finally {
    await handle.close();
  }
}

/** -1 when absent, undefined when it is no integer. */
function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return -1;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Without a character that the cut at the end split: the reader goes on at `offset` plus the bytes it got,
 * and half a character would become U+FFFD, which has another length.
 */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back && bytes.length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

async function browse(asked: string, directory: string): Promise<readonly object[]> {
  const names = (await readdir(directory).catch(() => [])).sort();
  const facts = await Promise.all(
    names.map((name) => stat(path.join(directory, name)).catch(() => undefined)),
  );
  return names.flatMap((name, index) => {
    const one = facts[index];
    if (!one) return [];
    return {
      path: path.posix.join(asked, name),
      nlink: one.nlink,
      size: one.size,
      mtime: Math.floor(one.mtimeMs / 1000),
      mode: modeText(one.mode, one.isDirectory()),
      uid: ownerName(one.uid),
      gid: ownerName(one.gid),
    };
  });
}

/** As `ls -l` writes it. */
function modeText(mode: number, isDirectory: boolean): string {
  const bits = [...'rwxrwxrwx'].map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'));
  return (isDirectory ? 'd' : '-') + bits.join('');
}

function ownerName(id: number): string {
  const self = os.userInfo();
  if (id === 0) return 'root';
  return id === self.uid ? self.username : String(id);
}

async function download(file: string, name: string, response: ServerResponse): Promise<void> {
  const facts = await stat(file).catch(() => undefined);
  if (!facts) return sendReply(response, notFound);
  if (!facts.isFile()) return sendReply(response, refusal(400, 'Not a regular file.\n'));
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': `attachment; filename=${name.replace(/[^\w.+-]/g, '_')}`,
    'Content-Length': facts.size,
  });
  // The file may grow meanwhile; what was announced is what is sent.
  const end = Math.max(0, facts.size - 1);
  if (facts.size === 0) response.end();
  // A client that breaks off is no error of ours.
  else await pipeline(createReadStream(file, { end }), response).catch(() => undefined);
}
