/** The master and the agents of a recording, as the model is to have them. */
import type { AgentConfig, Settings } from '../../../src/local/model/state.ts';
import { defaultSettings } from '../../../src/local/model/step.ts';
import { type AgentFlags, durationMs, type Recording } from './recording.ts';

export function settingsOf(recording: Recording, allocationIntervalMs: number): Settings {
  const flags = recording.master;
  const offerTimeoutMs = durationMs(flags.offer_timeout);
  return {
    ...defaultSettings,
    masterId: masterIds(recording)[0] ?? 'master',
    hostname: flags.hostname ?? '',
    ip: flags.ip ?? '',
    port: Number(flags.port),
    ...(flags.domain === undefined ? {} : { domain: JSON.parse(flags.domain) }),
    allocationIntervalMs,
    agentPingTimeoutMs: durationMs(flags.agent_ping_timeout) ?? defaultSettings.agentPingTimeoutMs,
    maxAgentPingTimeouts: Number(flags.max_agent_ping_timeouts ?? defaultSettings.maxAgentPingTimeouts),
    ...(offerTimeoutMs === undefined ? {} : { offerTimeoutMs }),
  };
}

/** Of the masters that SUBSCRIBED events name, in their order. */
export function masterIds(recording: Recording): string[] {
  return recording.lines.flatMap((line) => {
    const body = line.body as { subscribed?: { master_info?: { id?: string } } } | undefined;
    return body?.subscribed?.master_info?.id ?? [];
  });
}

/** In the order in which they registered, which the numbers of their ids tell. */
export function agentsInOrder(recording: Recording): AgentFlags[] {
  const text = JSON.stringify(recording.lines.map((line) => line.body));
  const number = (agent: AgentFlags): number => {
    const found = new RegExp(`-S(\\d+)"},"hostname":"${agent.ip.replaceAll('.', '\\.')}"`).exec(text);
    return found === null ? 99 : Number(found[1]);
  };
  return recording.agents.toSorted((one, other) => number(one) - number(other));
}

export function configOf(agent: AgentFlags): AgentConfig {
  const registrationMs = durationMs(agent.flags.executor_registration_timeout);
  return {
    name: agent.name,
    hostname: agent.flags.hostname ?? agent.ip,
    ip: agent.ip,
    port: agent.port,
    resources: agent.resources,
    attributes: agent.attributes,
    ...(agent.domain === undefined ? {} : { domain: agent.domain }),
    ...(registrationMs === undefined ? {} : { executorRegistrationTimeoutMs: registrationMs }),
    ...(agent.flags.http_command_executor === undefined ? {} : { httpCommandExecutor: true }),
  };
}
