package io.vela.agent.storage;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The Postgres processes that a killed Vela left running on a pool which can only be read. */
final class PoolUsers {
  private static final Logger log = LoggerFactory.getLogger(PoolUsers.class);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private PoolUsers() {}

  /** Ends those that were told to work on a volume of the pool; one that stays is logged. */
  static void end(Path folder) throws InterruptedException {
    var volumes = folder + "/";
    var using =
        ProcessHandle.allProcesses()
            .filter(process -> isPostgresOn(process, volumes))
            .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
            .toList();
    using.forEach(ProcessHandle::destroyForcibly);
    for (var process : using) {
      try {
        process.onExit().get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
      } catch (ExecutionException | TimeoutException e) {
        log.warn("process still uses the pool pid={}", process.pid(), e);
      }
    }
  }

  private static boolean isPostgresOn(ProcessHandle process, String volumes) {
    var info = process.info();
    return info.command().filter(command -> command.endsWith("/postgres")).isPresent()
        && info.arguments().stream()
            .flatMap(Arrays::stream)
            .anyMatch(argument -> argument.startsWith(volumes));
  }
}
