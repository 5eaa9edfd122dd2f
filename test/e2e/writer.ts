/** KafkaJS as the tests use it: a client always ends with what it was for, or a failed test would never end. */
import { connect } from 'node:net';
import { type Admin, type ISocketFactory, type ITopicConfig, Kafka, logLevel, type Message } from 'kafkajs';

export function connectKafka(
  bootstrap: readonly string[],
  retries = 20,
  socketFactory?: ISocketFactory,
): Kafka {
  return new Kafka({
    ...(socketFactory === undefined ? {} : { socketFactory }),
    clientId: 'e2e',
    brokers: [...bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries, initialRetryTime: 200, maxRetryTime: 1_000 },
  });
}

export async function withAdmin<T>(
  bootstrap: readonly string[],
  body: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = connectKafka(bootstrap).admin();
  await admin.connect();
  try {
    return await body(admin);
  } finally {
    await admin.disconnect();
  }
}

/**
 * Resolves when it can be written to. KafkaJS' `waitForLeaders` gives up at UNKNOWN_TOPIC_OR_PARTITION, which a broker
 * says that has not yet read of the topic in the metadata log.
 */
export async function createTopic(bootstrap: readonly string[], topic: ITopicConfig): Promise<void> {
  await withAdmin(bootstrap, async (admin) => {
    await admin.createTopics({ waitForLeaders: false, topics: [topic] });
    const isReady = async (): Promise<boolean> => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic.topic] });
      return topics[0]?.partitions.every(({ leader }) => leader >= 0) === true;
    };
    const deadlineMs = Date.now() + 60_000;
    while (!(await isReady().catch(() => false))) {
      if (Date.now() > deadlineMs) throw new Error(`topic ${topic.topic} has no leaders after 60 s`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
}

/** Once, with acks=all and the client's retries. */
export async function produce(
  bootstrap: readonly string[],
  topic: string,
  messages: Message[],
): Promise<void> {
  const producer = connectKafka(bootstrap).producer();
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages });
  } finally {
    await producer.disconnect();
  }
}

/** Counts every error and every acknowledgement. */
export type Writer = {
  /** Values that were acknowledged; each is written until it is. */
  readonly acknowledged: ReadonlySet<string>;
  /** What the client was told instead, by Kafka's or KafkaJS's name, and how often. */
  readonly errors: ReadonlyMap<string, number>;
  /** Connections to brokers that are over. The client opens others in silence, so that `errors` may know nothing of it. */
  disconnects(): number;
  /** Resolves when the batches under way are acknowledged too; `giveUp` does not wait for that. */
  stop(options?: { readonly giveUp: boolean }): Promise<void>;
};

const batchSize = 10;
/** The pace of each partition, so that the writer does not take the machine from the brokers. */
const pauseMs = 100;

/** Writes to each partition with acks=all, one batch at a time, `PARTITION:NUMBER` each, without retries of the client. */
export async function startWriter(
  bootstrap: readonly string[],
  topic: string,
  partitions: number,
): Promise<Writer> {
  let disconnects = 0;
  const socketFactory: ISocketFactory = ({ host, port, onConnect }) =>
    connect({ host, port }, onConnect)
      .setKeepAlive(true, 60_000)
      .once('close', () => {
        disconnects += 1;
      });
  const producer = connectKafka(bootstrap, 0, socketFactory).producer({ retry: { retries: 0 } });
  await producer.connect();
  const acknowledged = new Set<string>();
  const errors = new Map<string, number>();
  let stopping = false;
  let givenUp = false;

  async function write(partition: number): Promise<void> {
    let next = 0;
    while (!stopping) {
      const values = Array.from({ length: batchSize }, (_, i) => `${partition}:${next + i}`);
      next += batchSize;
      const messages = values.map((value) => ({ value, partition }));
      for (let written = false; !written; ) {
        if (givenUp) return;
        try {
          await producer.send({ topic, acks: -1, timeout: 10_000, messages });
          written = true;
        } catch (error) {
          const name = nameOf(error);
          errors.set(name, (errors.get(name) ?? 0) + 1);
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      for (const value of values) acknowledged.add(value);
    }
  }

  const done = Promise.all(Array.from({ length: partitions }, (_, partition) => write(partition)));
  return {
    acknowledged,
    errors,
    disconnects: () => disconnects,
    async stop(options) {
      stopping = true;
      givenUp = options?.giveUp ?? false;
      await done;
      await producer.disconnect();
    },
  };
}

/** KafkaJS wraps: the innermost cause that has a type or a code is what Kafka or the socket said. */
function nameOf(error: unknown): string {
  let name = 'unknown';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { type, code } = at as { type?: unknown; code?: unknown };
    name = typeof type === 'string' ? type : typeof code === 'string' ? code : at.name;
  }
  return name;
}

/** Everything from the beginning to where each partition ends now, duplicates included. */
export async function readBack(bootstrap: readonly string[], topic: string): Promise<readonly string[]> {
  const offsets = await withAdmin(bootstrap, (admin) => admin.fetchTopicOffsets(topic));
  const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  const consumer = connectKafka(bootstrap).consumer({
    groupId: `e2e-${process.pid}-${topic}-${Date.now()}`,
  });
  await consumer.connect();
  const values: string[] = [];
  const left = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      if (left.size === 0) {
        resolve();
        return;
      }
      const timer = setTimeout(() => {
        reject(new Error(`read ${values.length} records; partitions ${[...left].join(', ')} did not end`));
      }, 180_000);
      const running = consumer.run({
        eachMessage: async ({ partition, message }) => {
          if (!left.has(partition)) return;
          values.push(message.value?.toString() ?? '');
          if (Number(message.offset) === (ends.get(partition) ?? 0) - 1) left.delete(partition);
          if (left.size > 0) return;
          clearTimeout(timer);
          resolve();
        },
      });
      running.catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return values;
}
