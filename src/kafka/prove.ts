import { randomBytes } from 'node:crypto';
import { type Admin, type Consumer, Kafka, logLevel } from 'kafkajs';
import { UnavailableError } from '../model/errors.ts';
import { type Clock, systemClock } from '../sys/clock.ts';

export type Proof = {
  /** Acknowledged by all in-sync replicas. */
  readonly produced: number;
  /** Of those, read back. */
  readonly consumed: number;
  readonly elapsedMs: number;
};

const askAgainMs = 500;

/**
 * Produces records with acks=all to an existing topic and reads the very same ones back in a group of its
 * own, which is removed again. Most of the time is Kafka's: a new group waits 3 s for more members
 * (`group.initial.rebalance.delay.ms`).
 *
 * Errors: `UnavailableError` when not all came back in time.
 */
export async function proveProduceConsume(input: {
  readonly bootstrap: readonly string[];
  readonly topic: string;
  readonly count?: number;
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}): Promise<Proof> {
  const { topic, count = 100, timeoutMs = 30_000, clock = systemClock } = input;
  const startedAtMs = clock.nowMs();
  const run = randomBytes(8).toString('hex');
  const kafka = new Kafka({
    clientId: 'kafka-mesos-prove',
    brokers: [...input.bootstrap],
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    // A third of a minute: the first group has Kafka make the topic of offsets, and until then there is no coordinator.
    retry: { retries: 12, initialRetryTime: 200, maxRetryTime: 2_000 },
    logLevel: logLevel.NOTHING,
  });
  const groupId = `kafka-mesos-prove-${run}`;
  const admin = kafka.admin();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: 200,
    heartbeatInterval: 1_000,
    sessionTimeout: 10_000,
  });
  const work = async (): Promise<Proof> => {
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    // The group starts where the topic ends now: a topic full of records costs nothing.
    const ends = await topicEnds(
      () => kafka.admin(),
      topic,
      clock,
      () => isLate,
    );
    const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
    await admin.setOffsets({ groupId, topic, partitions });
    const messages = Array.from({ length: count }, (_, index) => ({ key: `${run}-${index}`, value: run }));
    await producer.send({ topic, acks: -1, timeout: 10_000, messages });
    const consumed = await consumeRun(consumer, topic, run, count);
    return { produced: count, consumed, elapsedMs: clock.nowMs() - startedAtMs };
  };
  let isLate = false;
  let cancel = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => {
      isLate = true;
      reject(new Error(`not done after ${timeoutMs} ms`));
    });
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_KAFKA',
      `records could not be produced to and consumed from ${topic}: ${(error as Error).message}`,
      { cause: error, remedy: 'See the state of the brokers and of the topic.' },
    );
  } finally {
    cancel();
    await consumer.disconnect().catch(ignore);
    await admin.deleteGroups([groupId]).catch(ignore);
    await Promise.all([producer.disconnect().catch(ignore), admin.disconnect().catch(ignore)]);
  }
}

/**
 * Where each partition ends. KafkaJS gives up at once when a leader has moved since the metadata that it was told, as it
 * does in the first moments of a topic; another client is told anew.
 */
export async function topicEnds(
  open: () => Pick<Admin, 'connect' | 'disconnect' | 'fetchTopicOffsets'>,
  topic: string,
  clock: Clock,
  isLate: () => boolean,
): Promise<readonly { readonly partition: number; readonly high: string }[]> {
  for (;;) {
    const admin = open();
    try {
      await admin.connect();
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if ((error as { readonly retriable?: boolean }).retriable !== true || isLate()) throw error;
    } finally {
      await admin.disconnect().catch(ignore);
    }
    await new Promise<void>((resolve) => clock.setTimer(askAgainMs, resolve));
  }
}

/** Resolves when that many different records of this run have come. */
async function consumeRun(consumer: Consumer, topic: string, run: string, count: number): Promise<number> {
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const keys = new Set<string>();
  return new Promise((resolve, reject) => {
    const onRecord = (key: string) => {
      if (key.startsWith(run)) keys.add(key);
      if (keys.size === count) resolve(keys.size);
    };
    consumer
      .run({ eachMessage: async ({ message }) => onRecord(message.key?.toString() ?? '') })
      .catch(reject);
  });
}

const ignore = () => {};
