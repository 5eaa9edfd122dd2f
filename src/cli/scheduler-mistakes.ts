/** Values of the scheduler's options that can be read and cannot be used, told where they were written. */
import type { Command } from 'commander';
import { isLoopback, type ListenAddress } from '../api/listen-address.ts';
import { parseMasterAddress } from '../mesos/master-address.ts';
import { SpecError } from '../model/errors.ts';
import { parseZooKeeperAddress, type Refuse, redact } from '../zookeeper/address.ts';
import { UsageError } from './errors.ts';
import type { ConfigPlaces } from './scheduler-config.ts';

type Values = {
  readonly master?: string;
  readonly store?: string;
  readonly listen: ListenAddress;
  readonly tokenFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly allowPlainHttp?: boolean;
  readonly webUrl?: string;
  readonly artifactListen: ListenAddress;
  readonly artifactUrl?: string;
  readonly recover?: boolean;
  readonly sessionTimeout: number;
  readonly failoverTimeout: number;
};

type Mistake = {
  readonly option: Exclude<keyof Values, 'recover' | 'allowPlainHttp'>;
  /** What is said of the option: `10.0.0.5 is not on loopback`. */
  readonly what: string;
  readonly remedy: string;
};

const dayMs = 86_400_000;

/**
 * Errors: `SpecError` `KM_SPEC_CONFIG` for what a `--config` file says, all of it, each with its place;
 * `UsageError` for what the command line or the environment says.
 */
export function refuseMistakes(command: Command, values: Values, places: ConfigPlaces): void {
  const mistakes = [...visibleCredentials(command), ...unusable(values)];
  const inFile = mistakes.flatMap((m) => {
    const place = places.get(m.option);
    return place === undefined ? [] : [{ ...m, place }];
  });
  if (inFile.length > 0) {
    throw new SpecError(
      'KM_SPEC_CONFIG',
      inFile.map(({ place, option, what }) => `${place}: ${option}: ${what}`).join('\n'),
      { remedy: [...new Set(inFile.map((m) => m.remedy))].join('; ') },
    );
  }
  const [first] = mistakes;
  if (first !== undefined) {
    const flag = command.options.find((o) => o.attributeName() === first.option)?.long ?? first.option;
    throw new UsageError(`${flag} ${first.what}`, first.remedy);
  }
}

/** Arguments are seen by everyone on the machine, and a configuration file is passed on and checked in. */
function visibleCredentials(command: Command): readonly Mistake[] {
  const remedies = {
    master: 'put the whole address into KAFKA_MESOS_MASTER',
    store: 'put user:password into the file of --store-credentials-file',
  } as const;
  return (['master', 'store'] as const).flatMap((option): readonly Mistake[] => {
    const value: unknown = command.getOptionValue(option);
    return command.getOptionValueSource(option) !== 'env' &&
      typeof value === 'string' &&
      /^zk:\/\/[^/]*@/.test(value)
      ? [{ option, what: 'carries a password, which others could read', remedy: remedies[option] }]
      : [];
  });
}

/** An address that cannot be taken apart; its credentials get into no message. */
function malformed(
  option: 'master' | 'store',
  usual: string,
  read: (refuse: Refuse) => unknown,
): readonly Mistake[] {
  try {
    read((shown, reason, remedy = usual) => {
      return new SpecError('KM_SPEC_CONFIG', `${redact(shown)} cannot be used: ${reason}`, { remedy });
    });
    return [];
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return [{ option, what: error.message, remedy: error.remedy ?? usual }];
  }
}

/** Of the API: who reaches it over a network has to show a token, and nobody on the way may read it. */
function unusableApi({
  listen,
  tokenFile,
  tlsCertFile,
  tlsKeyFile,
  allowPlainHttp,
  webUrl,
}: Values): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  if (!isLoopback(listen.host) && tokenFile === undefined) {
    mistakes.push({
      option: 'listen',
      what: `${listen.host} is not on loopback, and no token was given`,
      remedy:
        'give --token-file with a token of your own (openssl rand -hex 32), or listen on 127.0.0.1 and take an SSH tunnel',
    });
  } else if (!isLoopback(listen.host) && tlsCertFile === undefined && allowPlainHttp !== true) {
    mistakes.push({
      option: 'listen',
      what: `${listen.host} is not on loopback, and without TLS everybody on the way reads the tokens`,
      remedy:
        'give --tls-cert-file and --tls-key-file; or --allow-plain-http where the network is trusted, or something before it speaks TLS',
    });
  }
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    mistakes.push({
      option: tlsCertFile === undefined ? 'tlsKeyFile' : 'tlsCertFile',
      what: 'comes without the file that belongs to it',
      remedy: 'give --tls-cert-file and --tls-key-file together',
    });
  }
  if (webUrl !== undefined && !/^https?:\/\/[^/@\s]+(\/\S*)?$/i.test(webUrl)) {
    mistakes.push({
      option: 'webUrl',
      what: 'is no http(s) URL without credentials',
      remedy:
        'give what a browser reaches the API by, as https://kafka.example.org/; everybody sees it in Mesos',
    });
  }
  return mistakes;
}

function unusable(values: Values): readonly Mistake[] {
  const { master, store, artifactListen, artifactUrl, recover, sessionTimeout, failoverTimeout } = values;
  const mistakes: Mistake[] = [
    ...malformed(
      'master',
      'write host:port, host:port,host:port or zk://host:port,host:port/path',
      (refuse) => (master === undefined ? undefined : parseMasterAddress(master, refuse)),
    ),
    ...malformed('store', 'write it as zk://host:2181,host:2181/kafka-mesos', (refuse) =>
      store?.startsWith('zk://') === true ? parseZooKeeperAddress(store, refuse) : undefined,
    ),
    ...unusableApi(values),
  ];
  // Agents would be sent to themselves; `--recover` starts none.
  if (artifactUrl === undefined && recover !== true && ['0.0.0.0', '::'].includes(artifactListen.host)) {
    mistakes.push({
      option: 'artifactListen',
      what: `${artifactListen.host} is every address of this machine, and none that agents could fetch from`,
      remedy: 'give --artifact-url http://NAME-OF-THIS-MACHINE:PORT too, or listen on one address',
    });
  }
  if (artifactUrl !== undefined && /^[^/]*\/\/[^/]*@/.test(artifactUrl)) {
    mistakes.push({
      option: 'artifactUrl',
      what: 'carries credentials, which every agent, launch and log would show',
      remedy: 'let the mirror be read without: what it has is public, and agents check its digests',
    });
  } else if (artifactUrl !== undefined && !/^(https?:\/\/[^/]+|file:($|\/\/\/))/i.test(artifactUrl)) {
    mistakes.push({
      option: 'artifactUrl',
      what: `${artifactUrl} is neither http(s)://HOST, file:///DIRECTORY nor file:`,
      remedy: 'give what stands before /artifacts/ on the mirror; file: alone is for agents on this machine',
    });
  }
  if (sessionTimeout < 2_000 || sessionTimeout > 60_000) {
    mistakes.push({
      option: 'sessionTimeout',
      what: 'must be from 2s to 60s',
      remedy: 'a standby takes over after it; ZooKeeper grants two to twenty of its ticks',
    });
  }
  if (failoverTimeout < dayMs || failoverTimeout > 60 * dayMs) {
    mistakes.push({
      option: 'failoverTimeout',
      what: 'must be from 1d to 60d',
      remedy: 'after that time without a scheduler Mesos kills every broker: one to four weeks are sensible',
    });
  }
  if (store !== undefined && !/^(zk:\/\/|file:(?:\/\/)?.)/.test(store)) {
    mistakes.push({
      option: 'store',
      what: 'is of a kind that is not known',
      remedy: 'write zk://host:2181,host:2181/kafka-mesos, or file:/var/lib/kafka-mesos/store',
    });
  }
  return mistakes;
}
