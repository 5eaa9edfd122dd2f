import { ProtocolError, SpecError } from '../model/errors.ts';
import {
  type HostPort,
  type HostPorts,
  isPort,
  parseHosts,
  parseZooKeeperAddress,
  type Refuse,
  redact,
  type ZooKeeperAddress,
} from '../zookeeper/address.ts';

/** Where the masters are, as the operator writes it. */
export type MasterAddress =
  | { readonly kind: 'hosts'; readonly hosts: HostPorts }
  | {
      readonly kind: 'zookeeper';
      /** Its path is the znode the masters register under, for example `/mesos`. */
      readonly zookeeper: ZooKeeperAddress;
    };

export { formatHostPort, type HostPort } from '../zookeeper/address.ts';

const defaultMasterPort = 5050;

/**
 * Reads `host:port`, `host:port,host:port` or `zk://[user:password@]host:port,host:port/path`.
 * Throws what `refuse` makes, a SpecError `KM_SPEC_MASTER_ADDRESS` by default; the text's credentials do not get into
 * the message.
 */
export function parseMasterAddress(text: string, refuse: Refuse = badAddress): MasterAddress {
  const trimmed = text.trim();
  if (!trimmed.startsWith('zk://'))
    return { kind: 'hosts', hosts: parseHosts(trimmed, defaultMasterPort, trimmed, refuse) };
  return { kind: 'zookeeper', zookeeper: parseZooKeeperAddress(trimmed, refuse) };
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
