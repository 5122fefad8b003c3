// SPDX-License-Identifier: Apache-2.0

// Package asks holds what users asked of Accelio and its relatives in public and did
// not get, as tests: each is named after the ask, says what it was in a sentence, and
// fails if it is not met. They use packages xio and pool alone, on whichever
// library the tests are built with, and skip what an installed libxio cannot do.
// A test that needs another process starts the test program in a role.
//
//	XIO_TEST_PATIENCE=10   stretches every deadline on a slow machine
//
// # Asks that are answered elsewhere
//
//	accelio#26, #32       which calls of a pool are thread-safe: TestAccelio32_PoolOfTenThreads in pool
//	accelio#199           pool blocks of any size: TestAccelio199_BuffersOfAnySizeUpToALargestMessage in pool
//	accelio#34, #67, #203 the same with C programs as peers: TestGoClientSizes in test/interop
//	accelio#56            toward a C program: TestGoServerRefusesTooLargeResponse in test/interop
//	accelio#90            with one stream: TestSingleStream in test/interop
//	accelio#197           with a C program that freezes: TestFrozenPeer in test/interop
//	accelio#136           a C program that is killed: TestGoClientPeerKilled in test/interop
//	accelio#209           the C interface from other threads: TestEngineThreads in accelio/ctest
//	accelio#88, #59       every message's fate, in C: TestReconnectRepeats in accelio/ctest
//	accelio#55, #194      a system library with the .pc file: TestLibrary in scripts
//	accelio#195           under a framework's own loop: TestDriveManual in xio
//	accelio#175           within a session with portals: TestSessionConnections in xio
//	accelio#71, #174      closes from everywhere: TestCloseFromEitherSide in xio
//	accelio#16            limits of a message: TestCallRefusesWhatCannotBeSent in xio
//	accelio#211           documentation that is kept: TestREADMECommands in test/tree
//	Alluxio#18744         RDMA is refused with a reason: TestRDMA in examples
//
// # Asks that no test answers
//
//	accelio#208           is it abandoned? Only upkeep answers that.
//	accelio#134           newer kernels: there is no kernel module, here is user space alone.
//	accelio#92            NBDX, a block device in the kernel: the same; its cause is tested here.
//	accelio#120           latency beside the raw one: a figure, which benchmarks give (bench/engine).
//	ucx#6960, #10751      performance from Go: the same.
//	Alluxio#542, #593     RDMA for Alluxio, JXIO: not yet, there is no RDMA transport.
//	ceph#27007 and before why Ceph dropped its xio messenger: not yet, there is no messenger;
//	                      what it asked of the library is tested here.
package asks
