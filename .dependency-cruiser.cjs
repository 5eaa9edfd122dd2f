/**
 * Layer rules: who may import whom (ARCHITECTURE.md, "Rooms"). `bin/check.mjs` fails when nothing
 * was cruised, and proves with a planted violation that the rules bite.
 */
const rooms = {
  model: ['model'],
  sys: ['sys'],
  spec: ['model', 'spec'],
  plan: ['model', 'plan'],
  observe: ['model', 'observe'],
  execute: ['model', 'execute'],
  reconciler: ['model', 'spec', 'plan', 'observe', 'execute', 'reconciler', 'sys'],
  zookeeper: ['model', 'sys', 'zookeeper'],
  mesos: ['model', 'sys', 'zookeeper', 'mesos'],
  kafka: ['model', 'sys', 'kafka'],
  store: ['model', 'sys', 'zookeeper', 'store'],
  // The executor renders and runs what kafka/ describes purely; it never loads a client library.
  executor: ['model', 'sys', 'mesos', 'executor', 'kafka'],
  api: ['model', 'plan', 'sys', 'api'],
  view: ['model', 'view', 'sys'],
  metrics: ['model', 'sys', 'metrics'],
  local: ['model', 'sys', 'mesos', 'local'],
  gitops: ['model', 'spec', 'sys', 'gitops'],
};

const pure = ['model', 'spec', 'plan', 'observe', 'execute', 'local/model', 'gitops/decide'];

module.exports = {
  forbidden: [
    ...Object.entries(rooms).map(([room, reach]) => ({
      name: `${room}-reaches-only-${reach.join('-')}`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${reach.join('|')})/` },
    })),
    {
      name: 'pure-rooms-use-no-node-module',
      comment: 'No clock, socket, file or process below the adapters. A digest is a function of its input.',
      severity: 'error',
      from: { path: `^src/(${pure.join('|')})/`, pathNot: '^src/spec/digest[.]ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'executor-takes-only-the-pure-part-of-kafka',
      severity: 'error',
      from: { path: '^src/executor/' },
      to: { path: '^src/kafka/', pathNot: '^src/kafka/(render|tools|properties)[.]ts$' },
    },
    {
      name: 'no-client-library-outside-its-adapter',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(kafka)/' },
      to: { path: 'node_modules/(kafkajs|@platformatic/kafka)/' },
    },
    {
      name: 'zookeeper-only-in-its-adapter',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/zookeeper/' },
      to: { path: 'node_modules/node-zookeeper-client/' },
    },
    {
      name: 'prom-client-only-in-its-adapter',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/metrics/meter[.]ts$' },
      to: { path: 'node_modules/prom-client/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'src-never-imports-test', severity: 'error', from: { path: '^src/' }, to: { path: '^test/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.json'],
    },
  },
};
