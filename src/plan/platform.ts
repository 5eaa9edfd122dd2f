/** Which Node an agent can run, by what it says of itself. */
import type { NodeRuntime } from '../model/launch.ts';
import type { ArtifactCatalog } from '../model/observed.ts';

/** The names under which `uname` and Node know the same processor. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64' };

/**
 * As `--agent-node` names it: `linux-arm64`. From the agent's attributes `os` and `arch`, each of which may
 * be left out: then it is that of the scheduler's own machine.
 */
export function platformOf(
  attributes: Readonly<Record<string, string>>,
  { defaultPlatform }: ArtifactCatalog['node'],
): string {
  const [defaultOs = '', defaultArch = ''] = defaultPlatform.split('-');
  const os = attributes.os?.toLowerCase() ?? defaultOs;
  const arch = attributes.arch?.toLowerCase() ?? defaultArch;
  return `${os}-${architectures[arch] ?? arch}`;
}

/** Undefined when there is none for the agent's platform. */
export function nodeFor(
  attributes: Readonly<Record<string, string>>,
  node: ArtifactCatalog['node'],
): NodeRuntime | undefined {
  const platform = platformOf(attributes, node);
  return Object.hasOwn(node.byPlatform, platform) ? node.byPlatform[platform] : undefined;
}
