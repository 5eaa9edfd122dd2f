import { formatAddress } from '../model/address.ts';
import type { SpecError } from '../model/errors.ts';

/** `zk://[user:password@]host:port,host:port/path` taken apart. */
export type ZooKeeperAddress = {
  readonly servers: HostPorts;
  /** Absolute, without a slash at its end; empty when the address names none. */
  readonly path: string;
  /** `user:password` for ZooKeeper's digest scheme; never to be shown. */
  readonly digest?: string;
};

export type HostPorts = readonly [HostPort, ...HostPort[]];
export type HostPort = { readonly host: string; readonly port: number };

export const defaultZooKeeperPort = 2181;

/** What an address cannot be used for, in the words of who reads it; throws. */
export type Refuse = (shown: string, reason: string, remedy?: string) => SpecError;

/** Throws what `refuse` makes; the text's credentials get into no message. */
export function parseZooKeeperAddress(text: string, refuse: Refuse): ZooKeeperAddress {
  const rest = text.trim().slice('zk://'.length);
  const slashAt = rest.indexOf('/');
  const authority = slashAt < 0 ? rest : rest.slice(0, slashAt);
  const path = slashAt < 0 ? '' : rest.slice(slashAt).replace(/\/+$/, '');
  const credentialsEnd = authority.lastIndexOf('@');
  const hosts = authority.slice(credentialsEnd + 1);
  const shown = `zk://${credentialsEnd < 0 ? '' : '…@'}${hosts}${path}`;
  if (path === '') throw refuse(shown, 'it names no path', 'Add the path, as in zk://host:2181/mesos.');
  if (path.includes('//')) throw refuse(shown, 'its path has an empty part');
  if (!/^(?:\/(?!\.{1,2}(?:\/|$))[^\s/\p{C}]+)+$/u.test(path))
    throw refuse(shown, 'its path has a part that ZooKeeper does not take');
  const digest = credentialsEnd < 0 ? undefined : authority.slice(0, credentialsEnd);
  if (digest !== undefined && !isDigest(digest)) throw refuse(shown, 'its credentials are not user:password');
  return {
    servers: parseHosts(hosts, defaultZooKeeperPort, shown, refuse),
    path,
    ...(digest === undefined ? {} : { digest }),
  };
}

export function isDigest(text: string): boolean {
  return /^[^:]+:./.test(text);
}

export function parseHosts(text: string, defaultPort: number, shown: string, refuse: Refuse): HostPorts {
  const parse = (part: string): HostPort => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2];
    const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
    if (host === undefined) throw refuse(shown, `"${redact(part)}" is no host:port`);
    if (!isPort(port)) throw refuse(shown, `${port} is no port`);
    return { host, port };
  };
  const [first = '', ...others] = text.split(',');
  return [parse(first), ...others.map(parse)];
}

export function formatHostPort({ host, port }: HostPort): string {
  return formatAddress(host, port);
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

/** A mistyped address may carry credentials all the same. */
export function redact(text: string): string {
  return text.replace(/^.*@/, '…@');
}
