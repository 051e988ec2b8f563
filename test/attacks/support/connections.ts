// Every request goes over a connection of its own: the server closes those that are idle, and a request that is sent at that
// moment on a busy machine would be taken for one that an attack broke.

const plainFetch = globalThis.fetch;

globalThis.fetch = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("Connection", "close");
  return plainFetch(input, { ...init, headers });
};
