import { ProtocolError } from '../../model/errors.ts';
import type { Clock } from '../../sys/clock.ts';
import { type DownloadLimits, fetchText } from './download.ts';

/**
 * Apache keeps current releases on the first host and every release on the second
 * (https://infra.apache.org/release-download-pages.html).
 */
export const apacheMirrors: readonly string[] = [
  'https://downloads.apache.org/kafka',
  'https://archive.apache.org/dist/kafka',
];

/** Kafka 4.x is built for Scala 2.13 only. */
export function archiveName(version: string): string {
  return `kafka_2.13-${version}.tgz`;
}

export async function fetchChecksum(
  mirror: string,
  version: string,
  clock: Clock,
  limits: DownloadLimits,
): Promise<{ readonly archiveUrl: string; readonly sha512: string }> {
  const archiveUrl = `${mirror}/${version}/${archiveName(version)}`;
  const text = await fetchText(`${archiveUrl}.sha512`, clock, limits);
  return { archiveUrl, sha512: parseSha512(text, `${archiveUrl}.sha512`) };
}

/**
 * Reads the two shapes that Apache publishes: `gpg --print-md` (`name: AB12CD34 …` in groups over several
 * lines, which is what Kafka has) and `sha512sum` (`ab12cd34…  name`).
 */
export function parseSha512(text: string, where: string): string {
  const sum = /^\s*([0-9a-fA-F]{128})(?:\s|$)/.exec(text)?.[1];
  const printed = text.slice(text.lastIndexOf(':') + 1).replace(/\s+/g, '');
  const found = sum ?? (/^[0-9a-fA-F]{128}$/.test(printed) ? printed : undefined);
  if (found === undefined) {
    throw new ProtocolError('KM_PROTOCOL_CHECKSUM_FILE', `${where} holds no sha512`, {
      remedy: 'Something between here and Apache may answer in its place (a proxy, a login page).',
    });
  }
  return found.toLowerCase();
}
