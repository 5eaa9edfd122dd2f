declare const KAFKA_MESOS_VERSION: string | undefined;

/** Of package.json; put in by the build. */
export const version = typeof KAFKA_MESOS_VERSION === 'string' ? KAFKA_MESOS_VERSION : '0.0.0-source';
