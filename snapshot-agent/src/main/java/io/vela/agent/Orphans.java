package io.vela.agent;

import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.RunningProcesses.Running;
import io.vela.agent.storage.Pool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The processes that a killed Vela left at work on its volumes. One that went on would finish a
 * clone that nobody knows, or write into what is being removed.
 *
 * <p>Nothing but their command lines tells them. So only the programs that Vela runs count, only as
 * the users that it runs them as, and only on paths in the pool: whoever reads a log there is left
 * alone, and so is the Postgres of a clone, which is adopted.
 */
final class Orphans {
  private static final Logger log = LoggerFactory.getLogger(Orphans.class);

  /** What works on volumes, under its own name or as a script that a shell runs. */
  private static final Set<String> PROGRAMS =
      Set.of(
          "btrfs",
          "chattr",
          "cp",
          "du",
          "filefrag",
          "find",
          "initdb",
          "pg_basebackup",
          "rm",
          "sync");

  /** A process that waits for a disk ends when the disk has answered. */
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private static final Duration POLL = Duration.ofMillis(10);

  private final Pool pool;
  private final Set<String> users;

  Orphans(Pool pool, ServiceUser user) {
    this.pool = pool;
    this.users = new HashSet<>(Set.of(user.name()));
    ProcessHandle.current().info().user().ifPresent(users::add);
  }

  /**
   * Ends them and all below them, and waits until they are gone. Only while nothing is being made.
   *
   * @throws CloneException when one does not end
   */
  void end() throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    // Again until none is found: a script starts its next program between two looks.
    for (var found = find(); !found.isEmpty(); found = find()) {
      for (var orphan : found) {
        var family = new ArrayList<>(List.of(orphan));
        orphan
            .handle()
            .descendants()
            .flatMap(handle -> RunningProcesses.find(handle.pid()).stream())
            .forEach(family::add);
        family.forEach(process -> process.handle().destroyForcibly());
        for (var process : family) {
          awaitEnd(process, deadline);
        }
        log.info(
            "orphan ended pid={} command={}",
            orphan.handle().pid(),
            String.join(" ", orphan.argv()));
      }
    }
  }

  private List<Running> find() throws CloneException {
    var adopted =
        pool.clones().stream()
            .map(id -> DataDirectory.in(pool.clone(id)).path())
            .collect(Collectors.toSet());
    try {
      return RunningProcesses.list().stream()
          .filter(process -> isOrphan(process, adopted))
          .filter(process -> process.handle().info().user().filter(users::contains).isPresent())
          .toList();
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the processes of this host cannot be read", e.toString()), e);
    }
  }

  private boolean isOrphan(Running process, Set<Path> adopted) {
    Optional<Path> data = process.served();
    if (data.isPresent()) {
      return data.get().startsWith(pool.root()) && !adopted.contains(data.get());
    }
    return process.handle().pid() != ProcessHandle.current().pid()
        && process.worksIn(pool.root())
        && process.runsOneOf(PROGRAMS);
  }

  private static void awaitEnd(Running process, long deadline)
      throws CloneException, InterruptedException {
    while (process.isThere()) {
      if (System.nanoTime() > deadline) {
        throw new CloneException(
            new StorageFailed(
                "process %d of an earlier Vela still works on the pool and cannot be ended"
                    .formatted(process.handle().pid()),
                String.join(" ", process.argv())));
      }
      Thread.sleep(POLL);
    }
  }
}
