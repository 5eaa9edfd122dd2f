import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrokerLaunch, LaunchListener } from '../model/launch.ts';
import { BrokerFailure, errorText, systemCode } from './failure.ts';

/*
 * What can be known to fail before Kafka is started, each with its reason. A libc too old for the
 * Node runtime is not among them: then nothing of ours runs, and the agent's stderr says so.
 */

/** Listeners whose ports and addresses this node needs for itself. */
export function listenersOf(launch: BrokerLaunch): readonly LaunchListener[] {
  return [
    ...launch.listeners,
    ...(launch.controllerListener === undefined ? [] : [launch.controllerListener]),
  ];
}

/** Throws BrokerFailure `port-taken` or `address-not-local`. */
export async function checkPorts(listeners: readonly LaunchListener[]): Promise<void> {
  for (const { name, bindHost, port } of listeners) {
    const error = await tryBind(bindHost, port);
    if (error === undefined) continue;
    const place = `${bindHost || '*'}:${port} (listener ${name})`;
    switch (systemCode(error)) {
      case 'EADDRINUSE':
        throw new BrokerFailure('port-taken', `${place} is in use by another process on this machine`, {
          remedy: `See who has it (\`ss -ltnp 'sport = :${port}'\`); a broker keeps its port, so free it or give the broker another one.`,
        });
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        throw notLocal(`${place}: the address does not belong to this machine`);
      default:
        throw new BrokerFailure('port-taken', `${place} cannot be bound: ${errorText(error)}`, {
          remedy: 'Ports below 1024 need a privileged task user.',
        });
    }
  }
}

function tryBind(host: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) }, () =>
      server.close(() => resolve(undefined)),
    );
  });
}

/**
 * Whether the others will find this machine under the names that they are told. The first listener
 * and the controller's are where brokers and voters talk to each other, so a wrong name there is a
 * failure; any other may lead through a proxy, so there it is a warning.
 */
export async function checkAdvertised(launch: BrokerLaunch): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const listener of listenersOf(launch)) {
    const { name, advertisedHost } = listener;
    const addresses = await lookup(advertisedHost, { all: true }).catch(() => []);
    if (addresses.some(({ address }) => isLocalAddress(address))) continue;
    const found =
      addresses.length === 0
        ? `${advertisedHost} (listener ${name}) does not resolve on this machine`
        : `${advertisedHost} (listener ${name}) resolves to ${addresses[0]?.address}, which is not this machine`;
    const required = listener === launch.listeners[0] || listener === launch.controllerListener;
    if (required) throw notLocal(found);
    warnings.push(`${found}; right only if a proxy stands in between`);
  }
  return warnings;
}

function isLocalAddress(address: string): boolean {
  if (address.startsWith('127.') || address === '::1') return true;
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}

function notLocal(message: string): BrokerFailure {
  return new BrokerFailure('address-not-local', message, {
    remedy:
      "Set the agent's --hostname to a name or address of the machine, or the listener's advertised host.",
  });
}

/**
 * Finds `java` (the unpacked JRE, else JAVA_HOME, else PATH) and checks its version.
 *
 * @throws BrokerFailure `java-missing` or `java-too-old`.
 */
export async function findJava(
  options: { readonly jreHome?: string; readonly kafkaVersion: string },
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const home = options.jreHome ?? env.JAVA_HOME;
  const path = home === undefined || home === '' ? 'java' : javaBelow(home);
  const remedy = `Install Java ${neededJava(options.kafkaVersion)} or later on the agent, or name a JRE in the spec, which is then fetched.`;
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
  if (version === undefined || version >= neededJava(options.kafkaVersion)) return path;
  throw new BrokerFailure(
    'java-too-old',
    `"${path}" is Java ${version}, but Kafka ${options.kafkaVersion} needs ${neededJava(options.kafkaVersion)}`,
    { remedy },
  );
}

function javaBelow(home: string): string {
  // A JRE for macOS has its home below Contents/Home.
  const inBundle = join(home, 'Contents', 'Home', 'bin', 'java');
  return existsSync(inBundle) ? inBundle : join(home, 'bin', 'java');
}

/** The major version out of `java -version`: `17.0.15` is 17, `1.8.0_402` is 8. */
export function parseJavaVersion(output: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(output);
  if (match === null) return undefined;
  return match[1] === '1' ? Number(match[2]) : Number(match[1]);
}

/** Brokers of Kafka 4 need Java 17 (KIP-1013); those of 3.x run on 8. */
export function neededJava(kafkaVersion: string): number {
  return Number.parseInt(kafkaVersion, 10) <= 3 ? 8 : 17;
}
