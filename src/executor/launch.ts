import type { TaskInfo } from '../mesos/types.ts';
import { type BrokerLaunch, spokenProtocols } from '../model/launch.ts';
import { BrokerFailure, errorText } from './failure.ts';

/** Far above any launch; Mesos itself passes on what it gets. */
const maxLaunchBytes = 4 * 2 ** 20;

/**
 * Reads the launch out of `TaskInfo.data` and checks what would otherwise go wrong much later. Fields of a
 * later release are kept and ignored; a role or a mode that is not known is refused.
 *
 * @throws BrokerFailure `invalid-launch`.
 */
export function readLaunch(task: TaskInfo): BrokerLaunch {
  const data = Buffer.from(task.data ?? '', 'base64');
  if (data.length === 0 || data.length > maxLaunchBytes) throw invalid(`${data.length} bytes of data`);
  let launch: BrokerLaunch;
  try {
    launch = JSON.parse(data.toString('utf8')) as BrokerLaunch;
  } catch (error) {
    throw invalid(errorText(error));
  }
  if (typeof launch !== 'object' || launch === null) throw invalid('it is no object');
  if (!spokenProtocols.includes(launch.protocol)) {
    throw invalid(`it speaks protocol ${launch.protocol}, this executor ${spokenProtocols.join(' and ')}`);
  }
  const problem = findProblem(launch);
  if (problem !== undefined) throw invalid(problem);
  return launch;
}

function findProblem(launch: BrokerLaunch): string | undefined {
  const wrong: readonly (readonly [string, boolean])[] = [
    ['clusterId', !isUuid(launch.clusterId)],
    ['nodeId', !Number.isSafeInteger(launch.nodeId) || launch.nodeId < 0],
    ['roles', !isList(launch.roles) || launch.roles.length === 0 || !launch.roles.every(isRole)],
    ['kafkaVersion', typeof launch.kafkaVersion !== 'string'],
    ['kafka', !isArtifact(launch.kafka)],
    ['jre', launch.jre !== undefined && !isArtifact(launch.jre)],
    ['storage.mode', !['form', 'join', 'expect', 'find'].includes(launch.storage?.mode)],
    ['storage.volumes', !isList(launch.storage?.volumes) || launch.storage.volumes.length === 0],
    ['storage.initialVoters', !isList(launch.storage?.initialVoters)],
    ['listeners', !isList(launch.listeners)],
    ['heapMiB', !(launch.heapMiB > 0)],
    ['stopGraceMs', !(launch.stopGraceMs >= 0)],
    ['jvmOptions', !isList(launch.jvmOptions)],
    ['bootstrapControllers', !isList(launch.bootstrapControllers)],
    ['config', !isTexts(launch.config)],
    ['log4j', !isTexts(launch.log4j)],
    ['environment', !isTexts(launch.environment)],
  ];
  const field = wrong.find(([, isWrong]) => isWrong)?.[0];
  if (field !== undefined) return `${field} is missing or wrong`;
  if (launch.roles.includes('broker') && launch.listeners.length === 0) return 'a broker without a listener';
  if (launch.roles.includes('controller') && launch.controllerListener === undefined) {
    return 'a controller without a controllerListener';
  }
  const voter = launch.storage.initialVoters.some(({ nodeId }) => nodeId === launch.nodeId);
  // StorageTool takes it without a word, and the node then waits for a quorum that it is not part of.
  if (launch.storage.mode === 'form' && !voter) return 'mode "form" for a node that is no first voter';
  return undefined;
}

/** Kafka's base64url uuid of 16 bytes. */
const isUuid = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z0-9_-]{22}$/.test(value);

const isRole = (value: unknown): boolean => value === 'broker' || value === 'controller';

const isTexts = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string');

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

function isArtifact(value: unknown): boolean {
  const artifact = value as { uri?: unknown; sha512?: unknown } | null | undefined;
  return typeof artifact?.uri === 'string' && /^[0-9a-f]{128}$/.test(String(artifact.sha512));
}

function invalid(why: string): BrokerFailure {
  return new BrokerFailure('invalid-launch', `the launch data of the task cannot be used: ${why}`, {
    remedy: 'Scheduler and executor are of different releases, or the task is not one of kafka-mesos.',
  });
}
