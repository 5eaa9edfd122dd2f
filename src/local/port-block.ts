/**
 * A block of ports for the tasks of one embedded Mesos, so that two of them on one machine never offer the
 * same ones. The process that owns a block listens on its last port; a block stays with its home. That a home has it
 * while it is down is noted for the user's other homes: they take this one only when there is no other.
 */
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../model/errors.ts';
import { writeDurably } from './checkpoint.ts';

/** For four agents, 100 each but for the last port, which is the claim. */
export const blockSize = 400;
/** All below 32768, where Linux begins to hand out ports to clients; the highest first. */
const firstPorts = Array.from({ length: 20 }, (_, index) => 31_000 - index * blockSize);

export type PortBlock = { readonly firstPort: number; release(): Promise<void> };

/**
 * Claims the block that `file` remembers, else the first free one. `mayMove`: nothing is reserved in the remembered
 * one, so another will do when somebody holds it. Throws UnavailableError when there is none to be had.
 */
export async function claimPortBlock(file: string, mayMove = false): Promise<PortBlock> {
  const remembered = await readBlock(file);
  if (remembered !== undefined) {
    const server = await listen(remembered + blockSize - 1);
    if (server !== undefined) {
      await noteHome(remembered, file);
      return block(remembered, server);
    }
  }
  if (remembered !== undefined && !mayMove) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_PORTS',
      `port ${remembered + blockSize - 1} is taken, with which the embedded Mesos holds its ports ${remembered} to ${remembered + blockSize - 1}`,
      { remedy: 'end what listens there, then start again' },
    );
  }
  const others = await Promise.all(firstPorts.map((firstPort) => isOfOtherHome(firstPort, file)));
  const free = firstPorts.filter((_, index) => others[index] !== true);
  for (const firstPort of [...free, ...firstPorts.filter((one) => !free.includes(one))]) {
    const server = await listen(firstPort + blockSize - 1);
    if (server === undefined) continue;
    // Brokers of an owner that was killed may live on: they have the lowest ports of each agent.
    const lowest = [0, 1, 100, 101, 200, 201, 300, 301].map((offset) => firstPort + offset);
    const areFree = await Promise.all(lowest.map(isFree));
    if (areFree.every(Boolean)) {
      await writeDurably(file, `${JSON.stringify({ firstPort })}\n`);
      await noteHome(firstPort, file);
      return block(firstPort, server);
    }
    await close(server);
  }
  throw new UnavailableError(
    'KM_UNAVAILABLE_PORTS',
    'no block of 400 ports between 23400 and 31399 is free for brokers',
    {
      remedy: 'stop an embedded Mesos that is not needed: kafka-mesos local down, with its KAFKA_MESOS_HOME',
    },
  );
}

async function readBlock(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const firstPort = Number(/"firstPort":\s*(\d+)/.exec(text)?.[1]);
  if (firstPorts.includes(firstPort)) return firstPort;
  throw new UnavailableError('KM_UNAVAILABLE_PORTS', `${file} does not name a block of ports`, {
    remedy: 'kafka-mesos local down --purge makes a new one, and deletes the data of all brokers',
  });
}

/** Which homes have a block, by the paths of their files: a hint, and no harm is done where it is lost. */
const notes = join(tmpdir(), `kafka-mesos-ports-${process.getuid?.()}`);

/** Everybody may make directories there, with links in them that lead anywhere. Throws when there is none. */
async function areOurs(): Promise<boolean> {
  const { uid, mode } = await lstat(notes);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

async function noteHome(firstPort: number, file: string): Promise<void> {
  try {
    await mkdir(notes, { recursive: true, mode: 0o700 });
    if (!(await areOurs())) return;
    await writeFile(join(notes, String(firstPort)), file, { mode: 0o600 });
  } catch {
    // The port that is listened on decides.
  }
}

async function isOfOtherHome(firstPort: number, file: string): Promise<boolean> {
  try {
    if (!(await areOurs())) return false;
    const noted = await readFile(join(notes, String(firstPort)), 'utf8');
    return noted !== file && (await readBlock(noted)) === firstPort;
  } catch {
    return false;
  }
}

function block(firstPort: number, server: Server): PortBlock {
  return { firstPort, release: () => close(server) };
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await close(server);
  return true;
}

/** Undefined when somebody else listens there. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      // It holds the port and keeps nothing alive.
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
