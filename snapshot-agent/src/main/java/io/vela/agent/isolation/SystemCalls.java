package io.vela.agent.isolation;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * System calls of Linux (syscalls(2)) that Java has no method for, made for the calling thread
 * alone: {@code unshare}, {@code mount} and the like change a thread and not the process. One
 * function serves all of them, because each function that is linked costs the start of Vela a
 * millisecond.
 *
 * <p>An object belongs to the threads that its owner lets use it one at a time. Calls block their
 * thread in the kernel. What an object has allocated is collected with it: ending shared memory by
 * hand stops all threads for a moment.
 */
final class SystemCalls {
  /** Numbers on x86-64 and aarch64 (Linux source, {@code unistd_64.h}, {@code unistd.h}). */
  enum Call {
    CHDIR(80, 49),
    CLOSE(3, 57),
    IOCTL(16, 29),
    LANDLOCK_ADD_RULE(445, 445),
    LANDLOCK_CREATE_RULESET(444, 444),
    LANDLOCK_RESTRICT_SELF(446, 446),
    MKDIRAT(258, 34),
    MKNODAT(259, 33),
    MOUNT(165, 40),
    MOUNT_SETATTR(442, 442),
    MOVE_MOUNT(429, 429),
    OPENAT(257, 56),
    OPEN_TREE(428, 428),
    PIPE2(293, 59),
    PIVOT_ROOT(155, 41),
    PPOLL(271, 73),
    PRCTL(157, 167),
    READ(0, 63),
    SECCOMP(317, 277),
    SOCKET(41, 198),
    UMASK(95, 166),
    UMOUNT2(166, 39),
    UNSHARE(272, 97),
    WAIT4(61, 260),
    WRITE(1, 64);

    private final long number;

    Call(long x86, long arm) {
      this.number = "aarch64".equals(System.getProperty("os.arch")) ? arm : x86;
    }
  }

  /** {@code AT_FDCWD}: a path is taken as the calling thread sees it. */
  static final long CURRENT_FOLDER = -100;

  private static final int EINTR = 4;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));

  private static final FunctionDescriptor SIX_WORDS =
      FunctionDescriptor.of(
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG);

  private static final MethodHandle SYSCALL = syscall();

  private final Arena arena = Arena.ofAuto();
  private final MemorySegment state = arena.allocate(STATE);

  @SuppressWarnings("restricted") // --enable-native-access is given to all of Vela
  private static MethodHandle syscall() {
    var linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        SIX_WORDS,
        Linker.Option.captureCallState("errno"));
  }

  /** Memory that lives as long as this object. */
  MemorySegment allocate(long bytes) {
    return arena.allocate(bytes, Long.BYTES);
  }

  /** A text for the kernel that lives as long as this object. */
  MemorySegment text(String text) {
    return arena.allocateFrom(text);
  }

  /** The address of a text. */
  long address(String text) {
    return text(text).address();
  }

  /**
   * Makes a call, again when a signal interrupted it.
   *
   * @param words its arguments; what is missing is 0
   * @return what the kernel returned, never negative
   */
  long call(Call call, long... words) throws SystemCallException {
    while (true) {
      long result = attempt(call, words);
      if (result >= 0) {
        return result;
      }
      int error = (int) ERRNO.get(state, 0L);
      if (error != EINTR) {
        throw new SystemCallException(call.name(), error);
      }
    }
  }

  private long attempt(Call call, long[] words) {
    try {
      return (long)
          SYSCALL.invokeExact(
              state,
              call.number,
              word(words, 0),
              word(words, 1),
              word(words, 2),
              word(words, 3),
              word(words, 4),
              word(words, 5));
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  private static long word(long[] words, int index) {
    return index < words.length ? words[index] : 0;
  }

  /** Closes a descriptor. */
  void closeDescriptor(int descriptor) throws SystemCallException {
    call(Call.CLOSE, descriptor);
  }
}
