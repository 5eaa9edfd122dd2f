/**
 * Broker configuration that follows from other fields of the spec, each with the field that says it. One
 * of these under `config` would let Kafka and the plan believe different things: the spec refuses it, and
 * so does the rendering of server.properties.
 */
export const ownedConfig: Readonly<Record<string, string>> = {
  'advertised.listeners': 'spec.listeners[].advertisedHost and advertisedPort',
  'broker.id': 'spec.pools[].ids',
  'broker.rack': 'spec.pools[].rack',
  'controller.listener.names': 'spec.controllerListener; its name is CONTROLLER',
  'controller.quorum.auto.join.enable': 'spec.pools[].roles; who votes is planned, never joined by itself',
  'controller.quorum.bootstrap.servers': 'spec.pools[].roles; it follows where the controllers are placed',
  'controller.quorum.voters': 'spec.pools[].roles; the quorum is dynamic (KIP-853)',
  'follower.replication.throttled.rate': 'spec.reassignment.throttle',
  'inter.broker.listener.name': 'spec.listeners; the first one is used between brokers',
  'leader.replication.throttled.rate': 'spec.reassignment.throttle',
  'listener.security.protocol.map': 'spec.listeners[].protocol',
  listeners: 'spec.listeners',
  'log.dir': 'spec.pools[].storage',
  'log.dirs': 'spec.pools[].storage',
  'metadata.log.dir': 'spec.pools[].storage; the first volume holds the metadata log',
  'node.id': 'spec.pools[].ids',
  'process.roles': 'spec.pools[].roles',
  'security.inter.broker.protocol': 'spec.listeners[].protocol of the first listener',
};
