package io.vela.agent;

import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.RecordedInstance;
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
      Set.of("btrfs", "chattr", "cp", "du", "find", "initdb", "pg_basebackup", "rm", "sync");

  /**
   * A process that waits for a disk ends when the disk has answered. Vela's start waits no longer
   * for that.
   */
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private static final Duration POLL = Duration.ofMillis(10);

  private final Pool pool;
  private final Path run;
  private final Set<String> users;

  /**
   * @param run the folder of the instances' records
   */
  Orphans(Pool pool, ServiceUser user, Path run) {
    this.pool = pool;
    this.run = run;
    this.users = new HashSet<>(Set.of(user.name()));
    ProcessHandle.current().info().user().ifPresent(users::add);
  }

  /**
   * Ends them and all below them, and waits until they are gone. Only while nothing is being made.
   *
   * @return the volumes that a process works on which does not end: they are left as they are
   */
  Set<Path> end() throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    var left = new HashSet<ProcessHandle>();
    var aside = new HashSet<Path>(endInstances(deadline));
    // Again until none is found: a script starts its next program between two looks.
    for (var found = find(left); !found.isEmpty(); found = find(left)) {
      for (var orphan : found) {
        var family = new ArrayList<>(List.of(orphan));
        orphan
            .handle()
            .descendants()
            .flatMap(handle -> RunningProcesses.find(handle.pid()).stream())
            .forEach(family::add);
        family.forEach(process -> process.handle().destroyForcibly());
        boolean over = true;
        for (var process : family) {
          over &= hasEnded(process, deadline);
        }
        // Whoever makes new ones as fast as they are ended must not keep Vela from starting.
        if (over && System.nanoTime() < deadline) {
          log.info("orphan ended pid={} command={}", orphan.handle().pid(), command(orphan));
        } else {
          var volumes = volumes(orphan);
          log.error(
              "a process of an earlier Vela cannot be ended, its volumes are set aside until the"
                  + " next start pid={} volumes={} command={}",
              orphan.handle().pid(),
              volumes,
              command(orphan));
          left.add(orphan.handle());
          aside.addAll(volumes);
        }
      }
    }
    return aside;
  }

  /** Vela's own servers have records too. */
  private static boolean isOfAVolume(String name) {
    if (name.startsWith(SnapshotMaker.RUN_PREFIX)) {
      return true;
    }
    try {
      return new CloneId(name).value().equals(name);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static String command(Running process) {
    return String.join(" ", process.argv());
  }

  private List<Path> volumes(Running process) {
    return process.paths().stream()
        .flatMap(path -> pool.volumeOf(path).stream())
        .distinct()
        .toList();
  }

  /** Ends instances of no clone that there is: those of a preparation that was cut off. */
  private Set<Path> endInstances(long deadline) throws CloneException, InterruptedException {
    var clones = pool.clones().stream().map(CloneId::value).collect(Collectors.toSet());
    var aside = new HashSet<Path>();
    try {
      for (var instance : RecordedInstance.in(run)) {
        var name = String.valueOf(instance.run().folder().getFileName());
        if (isOfAVolume(name) && !clones.contains(name)) {
          instance.root().destroyForcibly();
          while (instance.isRunning() && System.nanoTime() < deadline) {
            Thread.sleep(POLL);
          }
          if (instance.isRunning()) {
            aside.add(pool.staging(name.replaceFirst("^" + SnapshotMaker.RUN_PREFIX, "")));
          }
          log.info(
              "orphan killed pid={} run={} ended={}",
              instance.root().pid(),
              instance.run().folder(),
              !instance.isRunning());
        }
      }
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the records of instances cannot be read", e.toString()), e);
    }
    return aside;
  }

  /**
   * @param left those that were looked at and did not end
   */
  private List<Running> find(Set<ProcessHandle> left) throws CloneException {
    var adopted =
        pool.clones().stream()
            .map(id -> DataDirectory.in(pool.clone(id)).path())
            .collect(Collectors.toSet());
    try {
      return RunningProcesses.list().stream()
          .filter(process -> isOrphan(process, adopted) && !left.contains(process.handle()))
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

  private static boolean hasEnded(Running process, long deadline) throws InterruptedException {
    while (process.isThere()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      Thread.sleep(POLL);
    }
    return true;
  }
}
