// Uploads a file with tus-js-client as the JSON in the first argument says; prints what became of it as JSON.

import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";

const { library, file, stop, terminate, storage, ...options } = JSON.parse(process.argv[2]);
const tus = await import(pathToFileURL(`${library}/lib.es5/node/index.js`).href).then(
  (module) => module.default ?? module,
);

/** A file of unknown length is a stream; by the IETF's protocol a buffer, as of a file in chunks this client never says in Node
 * that a chunk is the last. */
function sourceOf({ protocol = "", uploadLengthDeferred = false }) {
  if (uploadLengthDeferred) {
    return createReadStream(file).pipe(new PassThrough());
  }
  return protocol.startsWith("ietf") ? readFileSync(file) : createReadStream(file);
}

const outcome = await new Promise((resolve, reject) => {
  const source = sourceOf(options);
  const upload = new tus.Upload(source, {
    retryDelays: [0, 500, 1000, 3000],
    ...(storage === undefined
      ? {}
      : { urlStorage: new tus.FileUrlStorage(storage), fingerprint: () => Promise.resolve(file) }),
    ...options,
    onError: reject,
    onSuccess: (payload) => {
      const response = payload?.lastResponse;
      resolve({ url: upload.url, artifact: response?.getHeader("Stowage-Artifact") ?? null });
    },
    onChunkComplete: (_, accepted) => {
      if (stop !== undefined && accepted >= stop) {
        void upload
          .abort(terminate === true)
          .then(() => resolve({ url: upload.url, accepted }), reject);
      }
    },
  });
  if (storage === undefined) {
    upload.start();
  } else {
    upload.findPreviousUploads().then((previous) => {
      if (previous.length > 0) {
        upload.resumeFromPreviousUpload(previous[0]);
      }
      upload.start();
    }, reject);
  }
});
console.log(JSON.stringify(outcome));
process.exit(0);
