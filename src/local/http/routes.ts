import { type Control, handleControl } from '../control.ts';
import type { Engine } from '../engine.ts';
import type { Reply } from '../model/io.ts';
import { handleExecutorCall, handleOperatorCall, handleSchedulerCall } from './calls.ts';
import { methodRefusal, refusal, sendReply } from './exchange.ts';
import { handleFiles } from './files.ts';
import type { Handler } from './listener.ts';
import { agentStateJson, masterStateJson, versionInfo } from './state-json.ts';

/** What the master answers to; every path also with the prefix /master, as in Mesos. */
export function masterHandler(control: Control): Handler {
  const { engine } = control;
  return async (request, response, url) => {
    const path = url.pathname.replace(/^\/master(?=\/)/, '');
    switch (path) {
      case '/api/v1/scheduler':
        return handleSchedulerCall(engine, request, response);
      case '/api/v1':
        return handleOperatorCall(engine, request, response);
    }
    if (path.startsWith('/local/')) return handleControl(control, path, request, response);
    const json = { '/version': () => versionInfo, '/state': () => masterStateJson(engine.state) }[path];
    sendReply(response, getReply(request.method, path, json));
  };
}

/** What an agent answers to; every path also with the prefix /slave(1), as in Mesos. */
export function agentHandler(agent: {
  readonly engine: Engine;
  readonly agentName: string;
  readonly workDirectory: string;
}): Handler {
  const { engine, agentName, workDirectory } = agent;
  return async (request, response, url) => {
    const path = url.pathname.replace(/^\/slave(\(1\)|%281%29)(?=\/)/, '');
    const agentProcess = engine.state.processes[agentName];
    if (path === '/api/v1/executor') return handleExecutorCall(engine, agentName, request, response);
    if (/^\/files\/(read|browse|download)$/.test(path) && request.method === 'GET') {
      url.pathname = path;
      const agentId = agentProcess?.agentId;
      return handleFiles({ workDirectory, ...(agentId === undefined ? {} : { agentId }) }, url, response);
    }
    const state = () =>
      agentProcess ? agentStateJson(engine.state, agentProcess, workDirectory) : versionInfo;
    const json = { '/version': () => versionInfo, '/state': state }[path];
    sendReply(response, getReply(request.method, path, json));
  };
}

function getReply(method: string | undefined, path: string, json: (() => object) | undefined): Reply {
  if (path !== '/health' && !json) return refusal(404, '404 Not Found.');
  if (method !== 'GET' && method !== 'HEAD') return methodRefusal(method, 'GET');
  return { kind: 'reply', status: 200, ...(json ? { json: json() } : {}) };
}
