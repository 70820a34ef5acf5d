/**
 * Return a function that runs an async task, one call at a time. Calls that come meanwhile run it once more at the end: only the
 * latest state counts. Its method settled() waits until nothing runs.
 */
export function latestOnly(task, onError) {
  let again = false;
  let running = null;

  async function run() {
    try {
      while (again) {
        again = false;
        await task();
      }
    } catch (error) {
      onError(error);
    } finally {
      running = null;
    }
  }

  function request() {
    again = true;
    running ??= run();
  }
  request.settled = async () => running;
  return request;
}
