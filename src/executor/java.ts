import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { BrokerFailure, errorText, systemCode } from './failure.ts';

/**
 * Finds `java` (the unpacked JRE, else JAVA_HOME, else PATH) and checks its version, by the JDK's own `release`
 * file where that says enough: a JVM that starts to tell its version takes the time that brokers start in.
 *
 * @throws BrokerFailure `java-missing` or `java-too-old`.
 */
export async function findJava(
  options: { readonly jreHome?: string; readonly kafkaVersion: string },
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const home = options.jreHome ?? env.JAVA_HOME;
  const path = home === undefined || home === '' ? 'java' : javaBelow(home);
  const needed = neededJava(options.kafkaVersion);
  const stated = await readRelease(path, env.PATH).catch(() => undefined);
  if (stated !== undefined && stated >= needed) return path;
  const remedy = `Install Java ${needed} or later on the agent, or name a JRE in the spec, which is then fetched.`;
  const output = await promisify(execFile)(path, ['-version'], { timeout: 30_000, env: { ...env } }).then(
    ({ stdout, stderr }) => `${stderr}${stdout}`,
    (error: unknown) => {
      const why =
        systemCode(error) === 'ENOENT' ? 'there is no such program' : errorText(error).slice(0, 300);
      throw new BrokerFailure('java-missing', `java cannot be run as "${path}": ${why}`, {
        cause: error,
        remedy,
      });
    },
  );
  const version = parseJavaVersion(output);
  if (version === undefined || version >= needed) return path;
  throw new BrokerFailure(
    'java-too-old',
    `"${path}" is Java ${version}, but Kafka ${options.kafkaVersion} needs ${needed}`,
    { remedy },
  );
}

/**
 * What the `release` file of a JDK says of the executable `java` beside it. Undefined where it says nothing, or
 * is of another platform than ours: then only running it tells.
 */
async function readRelease(java: string, searchPath = ''): Promise<number | undefined> {
  const found = java.includes('/') ? java : await findExecutable(java, searchPath);
  if (found === undefined) return undefined;
  const real = await realpath(found);
  await access(real, constants.X_OK);
  return parseRelease(await readFile(join(dirname(dirname(real)), 'release'), 'utf8'));
}

async function findExecutable(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    // Seen from another folder than ours: the program is started in the sandbox.
    if (!isAbsolute(folder)) return undefined;
    const path = join(folder, name);
    if (await access(path, constants.X_OK).then(yes, no)) return path;
  }
  return undefined;
}

const yes = () => true;
const no = () => false;

const platforms: Readonly<Record<string, string>> = { Linux: 'linux', Darwin: 'darwin' };
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  amd64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
};

/** The major version out of a JDK's `release` file (`KEY="value"` lines), if it is for this platform. */
export function parseRelease(
  text: string,
  { platform, arch }: { readonly platform: string; readonly arch: string } = process,
): number | undefined {
  const stated = (key: string) => new RegExp(`^${key}="([^"]*)"`, 'm').exec(text)?.[1] ?? '';
  const isOurs = platforms[stated('OS_NAME')] === platform && architectures[stated('OS_ARCH')] === arch;
  // Node's own builds run on glibc; a JDK for musl says so.
  return isOurs && stated('LIBC') !== 'musl' ? majorOf(stated('JAVA_VERSION')) : undefined;
}

function javaBelow(home: string): string {
  // A JRE for macOS has its home below Contents/Home.
  const inBundle = join(home, 'Contents', 'Home', 'bin', 'java');
  return existsSync(inBundle) ? inBundle : join(home, 'bin', 'java');
}

/** The major version out of `java -version`: `17.0.15` is 17, `1.8.0_402` is 8. */
export function parseJavaVersion(output: string): number | undefined {
  return majorOf(/version "([^"]*)"/.exec(output)?.[1] ?? '');
}

function majorOf(version: string): number | undefined {
  const match = /^(\d+)(?:\.(\d+))?/.exec(version);
  if (match === null) return undefined;
  return match[1] === '1' ? Number(match[2]) : Number(match[1]);
}

/** Brokers of Kafka 4 need Java 17 (KIP-1013); those of 3.x run on 8. */
export function neededJava(kafkaVersion: string): number {
  return Number.parseInt(kafkaVersion, 10) <= 3 ? 8 : 17;
}
