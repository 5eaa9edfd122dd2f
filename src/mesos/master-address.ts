import { ProtocolError, SpecError } from '../model/errors.ts';

/** Where the masters are, as the operator writes it. */
export type MasterAddress =
  | { readonly kind: 'hosts'; readonly hosts: HostPorts }
  | {
      readonly kind: 'zookeeper';
      /** `host:port,host:port`, what a ZooKeeper client takes. */
      readonly servers: string;
      /** The znode the masters register under, for example `/mesos`. */
      readonly path: string;
      /** `user:password` for ZooKeeper's digest scheme; never to be shown. */
      readonly digest?: string;
    };

type HostPorts = readonly [HostPort, ...HostPort[]];
export type HostPort = { readonly host: string; readonly port: number };

const defaultMasterPort = 5050;
const defaultZooKeeperPort = 2181;

/**
 * Reads `host:port`, `host:port,host:port` or `zk://[user:password@]host:port,host:port/path`.
 * Throws SpecError `KM_SPEC_MASTER_ADDRESS`; the text's credentials do not get into the message.
 */
export function parseMasterAddress(text: string): MasterAddress {
  const trimmed = text.trim();
  if (!trimmed.startsWith('zk://'))
    return { kind: 'hosts', hosts: parseHosts(trimmed, defaultMasterPort, trimmed) };

  const rest = trimmed.slice('zk://'.length);
  const slashAt = rest.indexOf('/');
  const authority = slashAt < 0 ? rest : rest.slice(0, slashAt);
  const path = slashAt < 0 ? '' : rest.slice(slashAt).replace(/\/+$/, '');
  const credentialsEnd = authority.lastIndexOf('@');
  const shown = `zk://${credentialsEnd < 0 ? '' : '…@'}${authority.slice(credentialsEnd + 1)}${path}`;
  if (path === '') throw badAddress(shown, 'it names no path', 'Add the path, as in zk://host:2181/mesos.');
  if (path.includes('//')) throw badAddress(shown, 'its path has an empty part');
  const hosts = parseHosts(authority.slice(credentialsEnd + 1), defaultZooKeeperPort, shown);
  const digest = credentialsEnd < 0 ? undefined : authority.slice(0, credentialsEnd);
  if (digest !== undefined && !/^[^:]+:./.test(digest))
    throw badAddress(shown, 'its credentials are not user:password');
  return {
    kind: 'zookeeper',
    servers: hosts.map(formatHostPort).join(','),
    path,
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Brackets an IPv6 address. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The child of the masters' znode that leads: the lowest sequence of `json.info_NNNNNNNNNN`. Others there
 * (`log_replicas`, `info_…` of old masters) are none of our business. Undefined when nobody leads.
 */
export function findLeaderNode(children: readonly string[]): string | undefined {
  const sequences = children.flatMap((name) => {
    const sequence = /^json\.info_(\d{10})$/.exec(name)?.[1];
    return sequence === undefined ? [] : [{ name, sequence: Number(sequence) }];
  });
  return sequences.toSorted((a, b) => a.sequence - b.sequence)[0]?.name;
}

/**
 * Reads the JSON MasterInfo of a leader's znode. Its own `ip` is a number in network order: `address` is
 * preferred, then `hostname` and `port`. Throws ProtocolError `KM_PROTOCOL_MASTER_INFO`.
 */
export function parseMasterInfo(data: string): HostPort {
  let info: unknown;
  try {
    info = JSON.parse(data);
  } catch (cause) {
    throw badMasterInfo('is no JSON', cause);
  }
  if (!isRecord(info)) throw badMasterInfo('is no JSON object');
  const address = isRecord(info.address) ? info.address : {};
  const host = [address.ip, address.hostname, info.hostname].find(
    (name) => typeof name === 'string' && name !== '',
  );
  const port = address.port ?? info.port;
  if (typeof host !== 'string') throw badMasterInfo('has neither address.ip nor hostname');
  if (typeof port !== 'number' || !isPort(port)) throw badMasterInfo('has no port');
  return { host, port };
}

/**
 * The master a 307 points to. Mesos leaves the scheme out: `//10.0.0.7:5050/master/api/v1/scheduler`.
 * Undefined for a Location that names no host.
 */
export function parseRedirect(location: string | undefined): HostPort | undefined {
  if (!location || !URL.canParse(location, 'http://relative.invalid')) return undefined;
  const url = new URL(location, 'http://relative.invalid');
  if (url.hostname === 'relative.invalid' || url.hostname === '') return undefined;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    // URL leaves the scheme's own port out.
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
  };
}

function parseHosts(text: string, defaultPort: number, shown: string): HostPorts {
  const parse = (part: string): HostPort => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2];
    const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
    if (host === undefined) throw badAddress(shown, `"${redact(part)}" is no host:port`);
    if (!isPort(port)) throw badAddress(shown, `${port} is no port`);
    return { host, port };
  };
  const [first = '', ...others] = text.split(',');
  return [parse(first), ...others.map(parse)];
}

/** A mistyped address may carry credentials all the same. */
function redact(text: string): string {
  return text.replace(/^.*@/, '…@');
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function badAddress(shown: string, reason: string, remedy?: string): SpecError {
  return new SpecError(
    'KM_SPEC_MASTER_ADDRESS',
    `The master address ${redact(shown)} cannot be used: ${reason}.`,
    {
      remedy: remedy ?? 'Write host:port, host:port,host:port or zk://host:port,host:port/path.',
    },
  );
}

function badMasterInfo(reason: string, cause?: unknown): ProtocolError {
  return new ProtocolError('KM_PROTOCOL_MASTER_INFO', `The leading master's entry in ZooKeeper ${reason}.`, {
    cause,
    remedy: 'Check that the path of the zk:// address is the one the masters are started with.',
  });
}
