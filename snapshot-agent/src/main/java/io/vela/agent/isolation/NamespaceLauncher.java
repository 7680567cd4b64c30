package io.vela.agent.isolation;

import io.vela.agent.isolation.PreparedNamespace.Access;
import io.vela.agent.isolation.PreparedNamespace.Shown;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts instances in namespaces of their own, a few of which are kept ready. */
final class NamespaceLauncher implements Launcher {
  private static final Logger log = LoggerFactory.getLogger(NamespaceLauncher.class);

  /** One for the start that comes, one for the start that comes meanwhile. */
  private static final int READY = 2;

  /**
   * How long after a start the next ones are made: until then the client for whom the instance was
   * started needs the processors.
   */
  private static final Duration AFTER_A_START = Duration.ofMillis(50);

  /**
   * More processes than any Postgres has, and fewer than take the host's. The option has one name
   * in dash and another in bash.
   */
  private static final String LIMITS = "ulimit -p 4096 2>/dev/null || ulimit -u 4096\n";

  private static final Path USR = Path.of("/usr");

  private final NamespaceMaker namespaces;
  private final Path folder;
  private final Cgroups cgroups;
  private final LogReader logs;
  private final RunningInstances running = new RunningInstances();
  private final Deque<PreparedNamespace> ready = new ArrayDeque<>();
  private boolean preparing;
  private boolean closed;

  /**
   * @param folder of Vela's own, for the pipes of those kept ready
   */
  NamespaceLauncher(NamespaceMaker namespaces, Path folder, LogReader logs) {
    this.namespaces = namespaces;
    this.folder = folder;
    this.cgroups = Cgroups.ofHost(folder);
    cgroups.sweep();
    this.logs = logs;
  }

  @Override
  public IsolationLevel level() {
    return namespaces.level();
  }

  @Override
  public Launched launch(Launch launch) throws IOException {
    running.requireNone(launch.run());
    var namespace = launch.hostNetwork() ? prepare(true) : takeReady();
    try {
      namespace.log().begin(launch.run());
      InstanceRecord.of(namespace.child().pid(), namespace.userSlot()).write(launch.run().record());
      if (!launch.limits().isNone()) {
        cgroups.place(name(launch.run()), namespace.child().pid(), launch.limits(), launch.data());
      }
      namespace.run(shown(launch), script(launch));
    } catch (IOException e) {
      discard(namespace);
      var _ = namespace.child().exit().whenComplete((_, _) -> cgroups.remove(name(launch.run())));
      throw e;
    }
    logs.add(namespace.log());
    return running.add(
        launch.run(),
        LaunchedProcess.of(
                namespace.child(),
                String.valueOf(launch.program().getFileName()),
                namespace.log(),
                () -> serves(launch.run()))
            .afterwards(() -> ended(namespace, launch.run())));
  }

  private static String name(RunFiles run) {
    return String.valueOf(run.folder().getFileName());
  }

  private void serves(RunFiles run) {
    try {
      namespaces.seal(run);
    } catch (IOException e) {
      log.warn("folder of a socket not sealed folder={}", run.folder(), e);
    }
    prepareAhead(AFTER_A_START);
  }

  private static List<Shown> shown(Launch launch) {
    var shown = new ArrayList<Shown>();
    shown.add(new Shown(launch.data(), Access.DATA));
    shown.add(new Shown(launch.run().folder(), Access.SOCKETS));
    if (!launch.installation().startsWith(USR)) {
      shown.add(new Shown(launch.installation(), Access.PROGRAMS));
    }
    return shown;
  }

  /** The program is no {@code exec}: the shell stays, as the first process of the namespace. */
  private String script(Launch launch) {
    var text = new StringBuilder(namespaces.countsByInstance() ? LIMITS : "");
    text.append(ShellWords.quoted(launch.program().toString()));
    launch.arguments().forEach(word -> text.append(' ').append(ShellWords.quoted(word)));
    return text.append(" </dev/null\nexit $?\n").toString();
  }

  private void ended(PreparedNamespace namespace, RunFiles run) {
    cgroups.remove(name(run));
    logs.end(namespace.log());
    namespaces.release(namespace.userSlot());
  }

  private PreparedNamespace takeReady() throws IOException {
    synchronized (ready) {
      while (!ready.isEmpty()) {
        var first = ready.removeFirst();
        if (!first.child().exit().isDone()) {
          return first;
        }
        discard(first);
      }
    }
    return prepare(false);
  }

  /**
   * Makes those ready that are missing, on a thread of its own, one after the other.
   *
   * @param delay before the first
   */
  void prepareAhead(Duration delay) {
    synchronized (ready) {
      if (preparing || closed || ready.size() >= READY) {
        return;
      }
      preparing = true;
    }
    Thread.ofVirtual().name("namespaces-ahead").start(() -> fill(delay));
  }

  private void fill(Duration delay) {
    LockSupport.parkNanos(delay.toNanos());
    while (true) {
      try {
        var made = prepare(false);
        synchronized (ready) {
          if (!closed) {
            ready.addLast(made);
          } else {
            discard(made);
          }
          if (closed || ready.size() >= READY) {
            preparing = false;
            return;
          }
        }
      } catch (IOException | RuntimeException e) {
        synchronized (ready) {
          preparing = false;
          if (!closed) {
            // The next start tries by itself and says what is wrong.
            log.warn("no namespace could be made ahead", e);
          }
        }
        return;
      }
    }
  }

  /** Makes one. Blocks for some milliseconds. */
  PreparedNamespace prepare(boolean hostNetwork) throws IOException {
    var pipe = InstanceLog.make(new RunFiles(folder.resolve("ready-" + UUID.randomUUID())));
    try {
      return namespaces.prepare(pipe, hostNetwork);
    } catch (IOException e) {
      pipe.close();
      throw e;
    }
  }

  void discard(PreparedNamespace namespace) {
    namespace.close();
    var _ = namespace.child().exit().thenRun(() -> namespaces.release(namespace.userSlot()));
  }

  @Override
  public Optional<Launched> adopt(RunFiles run) throws IOException {
    return running.find(run, this::adopt);
  }

  private LaunchedProcess adopt(RunFiles run, InstanceRecord record) throws IOException {
    namespaces.occupy(record.userSlot());
    var pipe = InstanceLog.reopen(run);
    logs.add(pipe);
    return LaunchedProcess.adopted(record, "postgres", pipe)
        .afterwards(
            () -> {
              cgroups.remove(name(run));
              logs.end(pipe);
              namespaces.release(record.userSlot());
            });
  }

  @Override
  public void close() {
    synchronized (ready) {
      closed = true;
      ready.forEach(this::discard);
      ready.clear();
    }
    logs.close();
    namespaces.close();
  }
}
