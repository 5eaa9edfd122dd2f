/** What the scheduler remembers in and is elected by: files, for one process, or ZooKeeper, for several. */
import { randomUUID } from 'node:crypto';
import { SpecError } from '../model/errors.ts';
import type { Leader, Leadership } from '../model/leadership.ts';
import type { Store } from '../model/store.ts';
import { openFileStore } from '../store/file-store.ts';
import { createSoleLeadership } from '../store/sole-leadership.ts';
import { standForElection } from '../store/zookeeper-election.ts';
import { openZooKeeperStore } from '../store/zookeeper-store.ts';
import type { Logger } from '../sys/logger.ts';
import { isDigest, parseZooKeeperAddress, type ZooKeeperAddress } from '../zookeeper/address.ts';
import { openZooKeeperSession } from '../zookeeper/open-session.ts';
import type { StoreOptions } from './scheduler-options.ts';
import { logExposed, readSecret } from './secret-files.ts';

export type StoreBacking = {
  readonly store: Store;
  stand(self: Leader): Promise<Leadership>;
  /** Ends a session, and with it a leadership. */
  close(): Promise<void>;
};

/** Less than clients of the API wait: they are told that ZooKeeper does not answer, not that we do not. */
const requestTimeoutMs = 8_000;

/** Errors: `SpecError` for an address or credentials that cannot be used; those of the stores. */
export async function openStoreBacking(
  options: StoreOptions,
  deps: { readonly logger: Logger; readonly self: string },
): Promise<StoreBacking> {
  const { uri } = options;
  if (uri.startsWith('file:')) {
    const store = await openFileStore(uri.slice('file:'.length));
    return { store, stand: async (self) => createSoleLeadership(self), close: () => store.close() };
  }
  const address = await addressOf(options, deps.logger);
  const session = openZooKeeperSession(address, {
    logger: deps.logger,
    sessionTimeoutMs: options.sessionTimeoutMs,
    requestTimeoutMs,
  });
  const store = await openZooKeeperStore(session, address.path, deps.self);
  return {
    store,
    stand: (self) =>
      standForElection(session, address.path, { ...self, nonce: randomUUID() }, { logger: deps.logger }),
    close: () => session.close(),
  };
}

async function addressOf(
  { uri, credentials, credentialsPath }: StoreOptions,
  logger: Logger,
): Promise<ZooKeeperAddress> {
  const address = parseZooKeeperAddress(uri, refuseStore);
  const digest =
    credentialsPath === undefined
      ? (credentials ?? address.digest)
      : await readSecret(credentialsPath, '--store-credentials-file', logExposed(logger));
  if (digest === undefined) return address;
  if (!isDigest(digest)) {
    throw new SpecError('KM_SPEC_STORE', 'the credentials of the store are not user:password', {
      remedy: 'write user:password into the file of --store-credentials-file',
    });
  }
  return { ...address, digest };
}

function refuseStore(shown: string, reason: string): SpecError {
  return new SpecError('KM_SPEC_STORE', `the store ${shown} cannot be used: ${reason}`, {
    remedy: 'write it as zk://host:2181,host:2181/kafka-mesos or file:/var/lib/kafka-mesos',
  });
}
