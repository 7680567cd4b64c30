package io.vela.agent.exec;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Signals to processes by {@code kill(2)}, without starting a program and without opening a file:
 * what must be stopped can be stopped when neither a process nor a descriptor is to be had.
 */
public enum ProcessSignal {
  /** Interrupt: Postgres's fast shutdown. */
  INT(2),
  /** Quit: Postgres's immediate shutdown. */
  QUIT(3),
  /** Kill: ends any process that is not in the middle of a system call that cannot be left. */
  KILL(9),
  /** Stop: nothing of the process runs until it is continued. */
  STOP(19),
  /** Continue. */
  CONT(18);

  private static final int NO_SUCH_PROCESS = 3;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));
  private static final MethodHandle CALL = call();

  private final int number;

  /**
   * @param number the same on x86-64 and aarch64 (signal(7))
   */
  ProcessSignal(int number) {
    this.number = number;
  }

  @SuppressWarnings("restricted") // --enable-native-access is given to all of Vela
  private static MethodHandle call() {
    var linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("kill"),
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
        Linker.Option.captureCallState("errno"));
  }

  /**
   * Sends the signal, unless the process id is another process's by now.
   *
   * <p>That is told by the time at which the process started ({@code /proc/PID/stat}), which takes
   * a descriptor to read. Where none is free the signal is sent all the same: a child's id stays
   * its own until Java has collected it, and who adopted a process looks at it ten times a second,
   * while an id comes back only after all others have been used (proc(5), {@code pid_max}).
   *
   * @return false when the process is gone
   * @throws IOException when the system refuses, with its error number
   */
  public boolean send(ProcessHandle process) throws IOException {
    long pid = process.pid();
    if (pid <= 1 || pid > Integer.MAX_VALUE) {
      // kill(2) means more than one process by such a number, or the first of the host.
      throw new IOException("no signal is sent to process " + pid);
    }
    if (isAnother(process)) {
      return false;
    }
    try (var arena = Arena.ofConfined()) {
      var state = arena.allocate(STATE);
      if ((int) CALL.invokeExact(state, (int) pid, number) == 0) {
        return true;
      }
      int error = (int) ERRNO.get(state, 0L);
      if (error == NO_SUCH_PROCESS) {
        return false;
      }
      throw new IOException("signal %s to process %d: error %d".formatted(this, pid, error));
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  /** Loads what sending takes, which needs descriptors once. */
  public static void prepare() {
    // By initialising this class.
  }

  /**
   * Whether a process runs: it has not ended, collected by its parent or not. Known also when no
   * descriptor is free: {@link ProcessHandle#isAlive} takes that for its end.
   */
  public static boolean reaches(ProcessHandle process) {
    if (isAnother(process)) {
      return false;
    }
    try {
      // A process that has ended has no program any more, though it may not be collected yet.
      var _ = Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/exe"));
      return true;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      // It is there, and its program is not for everybody to see.
      return Files.exists(Path.of("/proc/" + process.pid()));
    }
  }

  private static boolean isAnother(ProcessHandle process) {
    return ProcessHandle.of(process.pid()).filter(now -> !now.equals(process)).isPresent();
  }
}
