import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
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
