package io.vela.agent.isolation;

import io.vela.agent.isolation.PreparedNamespace.Shown;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts instances as root in namespaces of their own, a few of which are kept ready. */
final class NamespaceLauncher implements Launcher {
  private static final Logger log = LoggerFactory.getLogger(NamespaceLauncher.class);

  /** One for the start that comes, one for the start that comes meanwhile. */
  private static final int READY = 2;

  private static final long STORAGE =
      MountTree.NO_SET_ID | MountTree.NO_DEVICES | MountTree.NO_PROGRAMS;

  private static final Path USR = Path.of("/usr");

  private final NamespaceRoot root;
  private final PreparedNamespace.Programs programs;
  private final BranchUsers users;
  private final IsolationLevel level;
  private final Path folder;
  private final LogReader logs;
  private final RunningInstances running = new RunningInstances();
  private final Deque<PreparedNamespace> ready = new ArrayDeque<>();
  private boolean preparing;
  private boolean closed;

  /**
   * @param folder of Vela's own, for the pipes of those kept ready
   */
  NamespaceLauncher(
      NamespaceRoot root,
      PreparedNamespace.Programs programs,
      BranchUsers users,
      IsolationLevel level,
      Path folder,
      LogReader logs) {
    this.root = root;
    this.programs = programs;
    this.users = users;
    this.level = level;
    this.folder = folder;
    this.logs = logs;
  }

  @Override
  public IsolationLevel level() {
    return level;
  }

  @Override
  public Launched launch(Launch launch) throws IOException {
    running.requireNone(launch.run());
    var namespace = launch.hostNetwork() ? prepare(true) : takeReady();
    try {
      show(launch, namespace);
      namespace.log().begin(launch.run());
      InstanceRecord.of(namespace.child().pid(), namespace.user().slot())
          .write(launch.run().record());
      namespace.run(script(launch));
    } catch (IOException e) {
      discard(namespace);
      throw e;
    }
    logs.add(namespace.log());
    return running.add(
        launch.run(),
        LaunchedProcess.of(
                namespace.child(),
                String.valueOf(launch.program().getFileName()),
                namespace.log(),
                this::prepareAhead)
            .afterwards(() -> ended(namespace)));
  }

  private static void show(Launch launch, PreparedNamespace namespace) throws IOException {
    var user = namespace.user();
    own(launch.run().folder(), user.id());
    try (var descriptors = new Descriptors()) {
      var shown = new ArrayList<Shown>();
      shown.add(
          new Shown(
              MountTree.takeFolder(descriptors, launch.data(), STORAGE, user.namespace()),
              launch.data()));
      shown.add(
          new Shown(
              MountTree.takeFolder(descriptors, launch.run().folder(), STORAGE, -1),
              launch.run().folder()));
      if (!launch.installation().startsWith(USR)) {
        shown.add(
            new Shown(
                MountTree.take(
                    descriptors,
                    launch.installation(),
                    MountTree.READ_ONLY | MountTree.NO_SET_ID | MountTree.NO_DEVICES),
                launch.installation()));
      }
      namespace.show(shown);
    }
  }

  private static void own(Path folder, long user) throws IOException {
    Files.setAttribute(folder, "unix:gid", (int) user, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(folder, "unix:uid", (int) user, LinkOption.NOFOLLOW_LINKS);
  }

  /** The program is no {@code exec}: the shell stays, as the first process of the namespace. */
  private static String script(Launch launch) {
    var text = new StringBuilder(quoted(launch.program().toString()));
    launch.arguments().forEach(argument -> text.append(' ').append(quoted(argument)));
    return text.append(" </dev/null\nexit $?\n").toString();
  }

  private static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  private void ended(PreparedNamespace namespace) {
    logs.end(namespace.log());
    users.release(namespace.user().slot());
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

  /** Makes those ready that are missing, on a thread of its own, one after the other. */
  void prepareAhead() {
    synchronized (ready) {
      if (preparing || closed || ready.size() >= READY) {
        return;
      }
      preparing = true;
    }
    Thread.ofVirtual().name("namespaces-ahead").start(this::fill);
  }

  private void fill() {
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
      } catch (IOException e) {
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
    var user = users.take();
    try {
      var pipe = InstanceLog.make(new RunFiles(folder.resolve("ready-" + UUID.randomUUID())));
      try {
        return new PreparedNamespace(root, programs, user, pipe, hostNetwork);
      } catch (IOException e) {
        pipe.close();
        throw e;
      }
    } catch (IOException e) {
      users.release(user.slot());
      throw e;
    }
  }

  void discard(PreparedNamespace namespace) {
    namespace.close();
    var _ = namespace.child().exit().thenRun(() -> users.release(namespace.user().slot()));
  }

  @Override
  public Optional<Launched> adopt(RunFiles run) throws IOException {
    return running.find(run, this::adopt);
  }

  private LaunchedProcess adopt(RunFiles run, InstanceRecord record) throws IOException {
    if (record.userSlot() >= 0) {
      users.occupy(record.userSlot());
    }
    var pipe = InstanceLog.reopen(run);
    logs.add(pipe);
    return LaunchedProcess.adopted(record, "postgres", pipe)
        .afterwards(
            () -> {
              logs.end(pipe);
              users.release(record.userSlot());
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
    users.close();
  }
}
