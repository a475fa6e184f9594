/** What aclog says of itself on its admin port. */
export async function metricsOf(adminAddress) {
  const text = await (await fetch(`http://${adminAddress}/metrics`)).text();
  const value = (name) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")[1] ?? 0,
    );
  return {
    rss: value("process_resident_memory_bytes"),
    fds: value("process_open_fds"),
    connections: value("aclog_connections"),
    openCalls: value('aclog_open_calls{method="/log.v1.Log/ConsumeStream"}'),
    waiting: value("aclog_waiting_readers"),
  };
}
