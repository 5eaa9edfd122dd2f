import { Connection } from '@platformatic/kafka';
import { UnavailableError } from '../model/errors.ts';

export type KafkaConnections = {
  /** An open connection to `host:port`, reused. Rejects with `UnavailableError`, outcome `not-sent`. */
  get(address: string): Promise<Connection>;
  /** Addresses with an open connection, the longest open first. */
  open(): readonly string[];
  /** Closes what is connected to other addresses than these. */
  retain(addresses: ReadonlySet<string>): void;
  /** Ends a connection on which something went wrong. */
  drop(address: string): void;
  /** Resolves when every socket is closed; later calls of `get` reject. */
  close(): Promise<void>;
};

/**
 * One TCP connection per broker address. The pool of the library is not used: it cannot let go of a single
 * address, and brokers that move leave addresses behind.
 */
export function createConnections(options: {
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}): KafkaConnections {
  const slots = new Map<string, Slot>();
  let closed = false;

  const forget = (address: string, slot: Slot) => {
    if (slots.get(address) === slot) slots.delete(address);
  };
  const end = async (address: string, slot: Slot) => {
    forget(address, slot);
    // A connection still being made is closed once it is there; failing to be made is just as well.
    await slot.ready.then(
      (connection) => connection.close(),
      () => {},
    );
  };

  return {
    async get(address) {
      if (closed) throw unavailable(address, 'the admin client is closed');
      const existing = slots.get(address);
      if (existing !== undefined) return existing.ready;
      const connection = new Connection(options.clientId, {
        connectTimeout: options.connectTimeoutMs,
        requestTimeout: options.requestTimeoutMs,
      });
      const slot: Slot = { ready: connectTo(connection, address), connected: false };
      slots.set(address, slot);
      // Without a listener an 'error' event would end the process; the requests in flight fail anyway.
      connection.on('error', () => forget(address, slot));
      connection.on('close', () => forget(address, slot));
      try {
        await slot.ready;
        slot.connected = true;
      } catch (error) {
        forget(address, slot);
        throw error;
      }
      return connection;
    },
    open: () => [...slots].filter(([, slot]) => slot.connected).map(([address]) => address),
    retain(addresses) {
      for (const [address, slot] of slots) {
        if (!addresses.has(address)) void end(address, slot);
      }
    },
    drop(address) {
      const slot = slots.get(address);
      if (slot !== undefined) void end(address, slot);
    },
    async close() {
      closed = true;
      await Promise.all([...slots].map(([address, slot]) => end(address, slot)));
    },
  };
}

type Slot = { readonly ready: Promise<Connection>; connected: boolean };

async function connectTo(connection: Connection, address: string): Promise<Connection> {
  const { host, port } = parseAddress(address);
  try {
    await connection.connect(host, port);
    return connection;
  } catch (error) {
    throw unavailable(address, causeOf(error), error);
  }
}

/** `host:port` or `[v6]:port`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw unavailable(address, 'this is no host:port');
  }
  return { host: match[1], port };
}

function unavailable(address: string, why: string, cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_KAFKA', `Kafka at ${address} cannot be reached: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    outcome: 'not-sent',
  });
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
