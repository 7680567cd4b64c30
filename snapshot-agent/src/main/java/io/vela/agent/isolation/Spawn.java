package io.vela.agent.isolation;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A program about to be started by {@code posix_spawn} (POSIX). Java's own {@code ProcessBuilder}
 * starts a helper first, which costs a wake a millisecond and which a thread with another root does
 * not find.
 *
 * <p>The process gets namespaces, root folder and privileges of the thread that starts it, leads a
 * session of its own, so that no Ctrl-C at Vela's terminal reaches it, and holds no descriptor but
 * the three that it is given.
 */
final class Spawn {
  /** More than {@code posix_spawn_file_actions_t} and {@code posix_spawnattr_t} take. */
  private static final long STRUCTURE_BYTES = 1024;

  private static final long SIGNAL_SET_BYTES = 128;

  // POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID
  private static final long FLAGS = 0x04 | 0x08 | 0x80;

  /** All signals but those that the C library keeps for itself (32 and 33). */
  private static final long SETTABLE_SIGNALS = ~((1L << 31) | (1L << 32));

  private static final MethodHandle CALL = handle();
  private static final MemorySegment SPAWN = function("posix_spawn");
  private static final MemorySegment ACTIONS_INIT = function("posix_spawn_file_actions_init");
  private static final MemorySegment ADD_DUP = function("posix_spawn_file_actions_adddup2");
  private static final MemorySegment ADD_CLOSE_FROM =
      function("posix_spawn_file_actions_addclosefrom_np");
  private static final MemorySegment ACTIONS_DESTROY = function("posix_spawn_file_actions_destroy");
  private static final MemorySegment ATTRIBUTES_DESTROY = function("posix_spawnattr_destroy");
  private static final MemorySegment ATTRIBUTES_INIT = function("posix_spawnattr_init");
  private static final MemorySegment SET_FLAGS = function("posix_spawnattr_setflags");
  private static final MemorySegment SET_MASK = function("posix_spawnattr_setsigmask");
  private static final MemorySegment SET_DEFAULT = function("posix_spawnattr_setsigdefault");

  private final String program;
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment pid = arena.allocate(ValueLayout.JAVA_INT);
  private final MemorySegment actions = arena.allocate(STRUCTURE_BYTES, Long.BYTES);
  private final MemorySegment attributes = arena.allocate(STRUCTURE_BYTES, Long.BYTES);
  private final MemorySegment path;
  private final MemorySegment arguments;
  private final MemorySegment variables;

  /**
   * @param argv the program's path, as the thread that starts it sees it, and its arguments
   * @param environment its whole environment
   * @param input the descriptor that it reads
   * @param output the descriptor that both of its outputs go to
   */
  Spawn(List<String> argv, Map<String, String> environment, int input, int output)
      throws IOException {
    program = argv.getFirst();
    path = arena.allocateFrom(program);
    arguments = texts(argv);
    variables =
        texts(environment.entrySet().stream().map(v -> v.getKey() + "=" + v.getValue()).toList());
    check(call(ACTIONS_INIT, actions.address(), 0, 0, 0, 0, 0));
    check(call(ADD_DUP, actions.address(), input, 0, 0, 0, 0));
    check(call(ADD_DUP, actions.address(), output, 1, 0, 0, 0));
    check(call(ADD_DUP, actions.address(), output, 2, 0, 0, 0));
    check(call(ADD_CLOSE_FROM, actions.address(), 3, 0, 0, 0, 0));
    check(call(ATTRIBUTES_INIT, attributes.address(), 0, 0, 0, 0, 0));
    check(call(SET_FLAGS, attributes.address(), FLAGS, 0, 0, 0, 0));
    var signals = arena.allocate(SIGNAL_SET_BYTES, Long.BYTES);
    check(call(SET_MASK, attributes.address(), signals.address(), 0, 0, 0, 0));
    signals.set(ValueLayout.JAVA_LONG, 0, SETTABLE_SIGNALS);
    check(call(SET_DEFAULT, attributes.address(), signals.address(), 0, 0, 0, 0));
  }

  @SuppressWarnings("restricted") // --enable-native-access is given to all of Vela
  private static MethodHandle handle() {
    var word = ValueLayout.JAVA_LONG;
    return Linker.nativeLinker()
        .downcallHandle(
            FunctionDescriptor.of(ValueLayout.JAVA_INT, word, word, word, word, word, word));
  }

  private static MemorySegment function(String name) {
    return Linker.nativeLinker().defaultLookup().find(name).orElse(MemorySegment.NULL);
  }

  private MemorySegment texts(List<String> texts) {
    var addresses = arena.allocate(ValueLayout.ADDRESS, texts.size() + 1L);
    for (int i = 0; i < texts.size(); i++) {
      addresses.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(texts.get(i)));
    }
    return addresses;
  }

  /** Whether the C library can close what a process should not hold: glibc 2.34 and later. */
  static boolean isAvailable() {
    return ADD_CLOSE_FROM.address() != 0;
  }

  /**
   * Starts the process, once. Looks nothing up by name: the thread may have another root already.
   *
   * @return its process id, as Vela sees it
   */
  long start() throws IOException {
    try {
      check(
          call(
              SPAWN,
              pid.address(),
              path.address(),
              actions.address(),
              attributes.address(),
              arguments.address(),
              variables.address()));
      return pid.get(ValueLayout.JAVA_INT, 0);
    } finally {
      // The C library keeps memory of its own for them.
      check(call(ACTIONS_DESTROY, actions.address(), 0, 0, 0, 0, 0));
      check(call(ATTRIBUTES_DESTROY, attributes.address(), 0, 0, 0, 0, 0));
    }
  }

  /** Something done to the thread that starts a process, for the process to inherit. */
  @FunctionalInterface
  interface Preparation {
    void prepare() throws IOException;
  }

  /** Starts the process, once, from a thread of its own that was prepared for it. Blocks. */
  long startFrom(Preparation preparation) throws IOException {
    var started = new CompletableFuture<Long>();
    Thread.ofPlatform()
        .daemon()
        .name("spawn")
        .start(
            () -> {
              try {
                preparation.prepare();
                started.complete(start());
              } catch (IOException | RuntimeException | Error e) {
                started.completeExceptionally(e);
              }
            });
    return ThreadResult.of(started, program + " could not be started");
  }

  private void check(int error) throws IOException {
    if (error != 0) {
      throw new SystemCallException("posix_spawn of " + program, error);
    }
  }

  private static int call(
      MemorySegment function,
      long first,
      long second,
      long third,
      long fourth,
      long fifth,
      long sixth) {
    try {
      return (int) CALL.invokeExact(function, first, second, third, fourth, fifth, sixth);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the C library threw", e);
    }
  }
}
