// Starts Swagger UI on the API document of this service (src/pages/api-docs.tsx).

const darkness = matchMedia("(prefers-color-scheme: dark)");
const followDarkness = () =>
  document.documentElement.classList.toggle("dark-mode", darkness.matches);
darkness.addEventListener("change", followDarkness);
followDarkness();

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // shows the document to nobody
  requestInterceptor(request) {
    // OpenAPI encodes a slash in a path parameter; here a path's slashes stay slashes, and no name holds one.
    const [path, ...query] = request.url.split("?");
    request.url = [path.replaceAll("%2F", "/"), ...query].join("?");
    return request;
  },
});
