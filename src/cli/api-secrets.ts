/** The tokens and the certificate of the API, from the files that the options name. */
import { type Certificate, readCertificate, type TlsFiles } from '../api/tls.ts';
import type { Tokens } from '../api/tokens.ts';
import type { Logger } from '../sys/logger.ts';
import { ensureToken } from './home.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { logExposed, readSecret, tellIfExposed } from './secret-files.ts';

export async function readApiSecrets(
  { home, tokenPath, readTokenPath, tls }: SchedulerOptions,
  logger: Logger,
): Promise<{ readonly tokens: Tokens; readonly tls?: TlsFiles & Certificate }> {
  const tell = logExposed(logger);
  const write =
    tokenPath === undefined ? await ensureToken(home) : await readSecret(tokenPath, '--token-file', tell);
  const tokens = {
    write,
    ...(readTokenPath === undefined
      ? {}
      : { read: await readSecret(readTokenPath, '--read-token-file', tell) }),
  };
  if (tls === undefined) return { tokens };
  const certificate = await readCertificate(tls);
  await tellIfExposed(tls.keyPath, tell);
  return { tokens, tls: { ...tls, ...certificate } };
}
