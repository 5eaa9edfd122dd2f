import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BrokerLaunch, LaunchListener } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import { apiVersionsRequest, isApiVersionsResponse } from './readiness.ts';

/** The listener whose answering means that this node serves: a client's, else the controller's. */
export function probedListener(launch: BrokerLaunch): LaunchListener | undefined {
  const plain = launch.listeners.find(({ protocol }) => !usesTls(protocol));
  return (plain ?? launch.listeners[0]) || launch.controllerListener;
}

/** Whether Kafka answers ApiVersions there within the time; it does so before any authentication. */
export function answersApiVersions(
  listener: LaunchListener,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  const host = loopbackFor(listener.bindHost);
  const { port } = listener;
  return new Promise((resolve) => {
    // Nothing secret goes out, and who answers is beside the point: only whether it does.
    const socket = usesTls(listener.protocol)
      ? connectTls({ host, port, rejectUnauthorized: false })
      : connect({ host, port });
    const received: Buffer[] = [];
    const done = (answer: boolean) => {
      socket.destroy();
      timer.cancel();
      resolve(answer);
    };
    const timer = clock.setTimer(timeoutMs, () => done(false));
    socket.once(usesTls(listener.protocol) ? 'secureConnect' : 'connect', () =>
      socket.write(apiVersionsRequest(correlationId)),
    );
    socket.on('data', (chunk) => {
      received.push(chunk);
      const answer = isApiVersionsResponse(Buffer.concat(received), correlationId);
      if (answer !== undefined) done(answer);
    });
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

const correlationId = 0x6b6d;

function usesTls(protocol: LaunchListener['protocol']): boolean {
  return protocol === 'SSL' || protocol === 'SASL_SSL';
}

function loopbackFor(bindHost: string): string {
  if (bindHost === '' || bindHost === '0.0.0.0') return '127.0.0.1';
  return bindHost === '::' ? '::1' : bindHost;
}
