/** The certificate that the API shows, taken up anew when its files change. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { SpecError } from '../model/errors.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

export type TlsFiles = { readonly certPath: string; readonly keyPath: string };
export type Certificate = { readonly cert: string; readonly key: string };

/** Certificates are renewed days before they end. */
const checkEveryMs = 60_000;

/** Rejects with `SpecError` `KM_SPEC_TLS` when they cannot be read or do not belong together. */
export async function readCertificate({ certPath, keyPath }: TlsFiles): Promise<Certificate> {
  const [cert = '', key = ''] = await Promise.all(
    [certPath, keyPath].map((path) =>
      readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw new SpecError('KM_SPEC_TLS', `${path} cannot be read: ${cause.code}`, {
          cause,
          remedy: 'check --tls-cert-file, --tls-key-file and the permissions of these files',
        });
      }),
    ),
  );
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new SpecError('KM_SPEC_TLS', `${certPath} and ${keyPath} are no certificate with its key, in PEM`, {
      cause,
      remedy:
        'give the chain, the certificate of this server first, and its private key without a passphrase',
    });
  }
  return { cert, key };
}

/** Returns how to end it. While the files cannot be used, the certificate that there is stays. */
export function renewCertificate(
  server: Pick<Server, 'setSecureContext'>,
  files: TlsFiles,
  first: Certificate,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): () => void {
  let current = first;
  let complaint: string | undefined;
  const look = async () => {
    try {
      const found = await readCertificate(files);
      complaint = undefined;
      if (found.cert === current.cert && found.key === current.key) return;
      server.setSecureContext({ ...found, minVersion: 'TLSv1.2' });
      current = found;
      logger.info('the certificate was renewed', { file: files.certPath });
    } catch (error) {
      const { message } = error as Error;
      // Between the writing of one file and of the other they do not fit; that is told once.
      if (message !== complaint) logger.warn('the certificate cannot be renewed', { error: message });
      complaint = message;
    }
  };
  let timer = clock.setTimer(checkEveryMs, again);
  let isOver = false;
  function again(): void {
    void look().then(() => {
      if (!isOver) timer = clock.setTimer(checkEveryMs, again);
    });
  }
  return () => {
    isOver = true;
    timer.cancel();
  };
}
