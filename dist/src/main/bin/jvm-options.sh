# Sourced by bin/vela and by bin/train: a cache counts only for the JVM options with which it was made.

# Foreign functions: exec of psql, Unix sockets. Unsafe: Netty's buffers.
JVM_OPTIONS=(--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow)
# Smallest and quickest to start of the collectors, and there is little to collect: the relay makes no objects.
# Unless another is asked for; it then starts without a cache.
case " ${VELA_JAVA_OPTS:-}" in
  *' -XX:+Use'*GC*) ;;
  *) JVM_OPTIONS+=(-XX:+UseSerialGC) ;;
esac

# Of `vela up` and `vela bench`. The thorough compiler comes later than by default: what runs a few thousand times at
# the start is not worth it. The heap begins small: what it has touched once stays with the process, until a full
# collection, which leaves no gaps, gives back at once what is more than 10 % free; so does malloc every 10 s.
UP_OPTIONS=(-Xms16m -XX:MinHeapFreeRatio=5 -XX:MaxHeapFreeRatio=10 -XX:-ShrinkHeapInSteps -XX:MarkSweepAlwaysCompactCount=1 -XX:TrimNativeHeapInterval=10000
  -XX:+ExitOnOutOfMemoryError -XX:Tier4InvocationThreshold=100000
  -XX:Tier4MinInvocationThreshold=30000 -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000)

# Of the other verbs. Short runs: the least that starts.
VERB_OPTIONS=(-XX:TieredStopAtLevel=1 -Xmx128m -XX:-UsePerfData)
