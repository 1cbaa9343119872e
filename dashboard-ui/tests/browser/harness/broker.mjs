// Writes to the stream of a broker as fast as it takes entries.
import { once } from "node:events";
import { connect } from "node:net";

/** Appends to the stream, and takes no notice of the replies. */
export class Broker {
  static async at(port) {
    const broker = new Broker();
    broker.socket = connect(port, "127.0.0.1").on("data", () => {}).on("error", () => {});
    await once(broker.socket, "connect");
    return broker;
  }

  append(command) {
    const parts = command.map((part) => `$${Buffer.byteLength(`${part}`)}\r\n${part}\r\n`);
    this.socket.write(`*${command.length}\r\n${parts.join("")}`);
  }

  /** Waits while much is still to be sent. A broker that has gone takes nothing any more. */
  async drained() {
    if (this.socket.writableNeedDrain && !this.socket.destroyed) await once(this.socket, "drain");
  }
}
