import { createServer as createHttpServer, request, type Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type { Patient } from './patient.js';

async function listen(server: Server | HttpServer, patient: Patient): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  patient.onUndo(async () => {
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy that knows no WebSockets, such as a CDN in which they are off. @returns its address. */
export function startStripper(patient: Patient): Promise<string> {
  const { address } = patient.ingressClass;
  const server = createHttpServer(({ url, method, headers: all }, response) => {
    const headers = { ...all };
    delete headers.connection;
    delete headers.upgrade;
    const onward = request({ host: address, path: url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy()).end();
  });
  // Without a listener for upgrades, Node.js handles them as plain requests.
  return listen(server, patient);
}

/** A proxy that ends each connection after some time. @returns its address. */
export function startCutter(patient: Patient, after: number): Promise<string> {
  const server = createServer((socket) => {
    const onward = connect(80, patient.ingressClass.address);
    const cut = (): void => {
      socket.destroy();
      onward.destroy();
    };
    setTimeout(cut, after);
    socket.on('error', cut).on('close', cut).pipe(onward);
    onward.on('error', cut).on('close', cut).pipe(socket);
  });
  return listen(server, patient);
}
