// @ts-nocheck -- its packages are installed when the benchmark runs, elsewhere
// The reference server of tus with its file store, in the folder that the argument names; prints its port.
import { createServer } from "node:http";

import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const tus = new Server({
  path: "/files",
  datastore: new FileStore({ directory: process.argv[2] }),
});
const server = createServer((request, response) => tus.handle(request, response));
server.listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
});
