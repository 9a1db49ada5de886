// Requests to the API.

/**
 * Returns the JSON of the response; {error} if the request was refused or the display does not answer.
 * @param {string} path
 * @param {string} [method]
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function request(path, method = "GET", body = undefined) {
  const headers = { "Content-Type": "application/json" };
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    return response.status === 204 ? {} : await response.json();
  } catch {
    return { error: "The display does not answer." };
  }
}
