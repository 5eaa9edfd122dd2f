import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { Header, Parser } from 'tar';
import { ProtocolError } from '../../model/errors.ts';

export type ArchiveFile = { readonly name: string; readonly path: string };

/*
 * A gzip file (RFC 1952) whose deflate blocks (RFC 1951) are all "stored":
 *
 *   1f 8b 08 00 | mtime 0 (4) | 00 | ff      header: no name, no time, unknown system
 *   { last (1 byte) | length (2, LE) | ~length (2, LE) | bytes }*
 *   crc32 (4, LE) | size mod 2^32 (4, LE)
 */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const maxBlock = 65_535;

/**
 * Writes a gzipped tar with these bytes from these files and nothing else: entries in the given order,
 * owner 0, mode 0644, time 0. Blocks are stored, not compressed, because jars do not shrink and because
 * zlib's output differs between its builds, while the sha512 has to be the same on every machine.
 *
 * Returns the sha512 of what was written.
 */
export async function writeArchive(
  destination: string,
  files: readonly ArchiveFile[],
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  const file = await open(destination, 'wx');
  const hash = createHash('sha512');
  let checksum = 0;
  let size = 0;
  const put = async (bytes: Uint8Array) => {
    hash.update(bytes);
    await file.writeFile(bytes);
  };
  const store = async (bytes: Uint8Array) => {
    checksum = crc32(bytes, checksum);
    size += bytes.length;
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += maxBlock) {
      const block = bytes.subarray(at, at + maxBlock);
      blocks.push(blockHeader(block.length, false), block);
    }
    await put(Buffer.concat(blocks));
  };
  try {
    await put(gzipHeader);
    for (const entry of files) {
      const content = await readFile(entry.path);
      await store(tarHeader(entry.name, content.length));
      await store(content);
      await store(Buffer.alloc((512 - (content.length % 512)) % 512));
      onBytes(size);
    }
    await store(Buffer.alloc(1024));
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(checksum, 0);
    trailer.writeUInt32LE(size % 2 ** 32, 4);
    await put(Buffer.concat([blockHeader(0, true), trailer]));
    await file.datasync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

function blockHeader(length: number, last: boolean): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(last ? 1 : 0, 0);
  header.writeUInt16LE(length, 1);
  header.writeUInt16LE(~length & 0xffff, 3);
  return header;
}

function tarHeader(name: string, size: number): Buffer {
  const header = new Header({
    path: name,
    type: 'File',
    mode: 0o644,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    size,
    mtime: new Date(0),
  });
  const block = Buffer.alloc(512);
  header.encode(block, 0);
  return block;
}

const maxUnpackedBytes = 2 ** 31;

/**
 * The Kafka version of an archive, told by its broker jar (`TOP/libs/kafka_2.13-VERSION.jar`). Stops
 * reading as soon as it is found.
 *
 * Errors: `ProtocolError` when this is no Kafka archive.
 */
export async function readKafkaVersion(path: string): Promise<string> {
  const found = await findKafkaVersion(path);
  if (found !== undefined) return found;
  throw new ProtocolError('KM_PROTOCOL_NOT_KAFKA', `${path} is not a Kafka 4 archive`, {
    remedy: 'A gzipped tar with one top-level folder and libs/kafka_2.13-VERSION.jar in it is expected.',
  });
}

function findKafkaVersion(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const stream = createReadStream(path);
    let unpackedBytes = 0;
    const finish = (version: string | undefined) => {
      stream.destroy();
      resolve(version);
    };
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        const version = /^[^/]+\/libs\/kafka_2\.13-(\d+\.\d+\.\d+)\.jar$/.exec(entry.path)?.[1];
        unpackedBytes += entry.size ?? 0;
        if (version !== undefined || unpackedBytes > maxUnpackedBytes) finish(version);
        entry.resume();
      },
    });
    parser.on('end', () => finish(undefined));
    parser.on('error', () => finish(undefined));
    stream.on('error', () => finish(undefined));
    stream.on('data', (chunk) => {
      parser.write(chunk as Buffer);
    });
    stream.on('end', () => parser.end());
  });
}
