# SPDX-License-Identifier: BSD-2-Clause
# Holdfast: one build for the freestanding stage, the hosted tool and their tests.
#
# `make help` lists the targets, V=1 shows the commands.  Files are found by
# their place: a new source needs no line here.

MAKEFLAGS += -r
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/bash

# All cores, unless the caller said how many.
ifeq ($(MAKELEVEL)$(shell tr '\0' '\n' </proc/$$PPID/cmdline | grep -c -- '^-[a-zA-Z]*j\|^--jobs'),00)
MAKEFLAGS += -j$(shell nproc)
endif

V ?=
Q   := $(if $(V),,@)
say  = @printf '  %-9s %s\n' '$(1)' '$(2)'

# --- Tools --------------------------------------------------------------------------------------------------------

ifeq ($(origin CXX),default)
CXX := g++
endif
CLANG := $(findstring clang,$(notdir $(CXX)))
ifeq ($(origin CC),default)
CC := $(if $(CLANG),clang,gcc)
endif
ifeq ($(origin LD),default)
LD := ld
endif
AR         := ar
STRIP      := strip
# Unit tests and fuzzers: clang++ has libFuzzer, and with a precompiled header it takes a third of g++'s time.
SAN_CXX    := clang++
SAN_CC     := clang
CLANG_FORMAT := clang-format
CLANG_TIDY := clang-tidy

# A flag, if the compiler knows it.
PROBE = $(shell $(or $(2),$(CXX)) $(1) -Werror -c -xc++ /dev/null -o /dev/null 2>/dev/null && echo '$(1)')

# Goals that compile need these; the others must work on a bare machine.
BARE_GOALS := help clean deps test demo
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),)
NEEDED  := $(CXX) $(CC) $(LD) $(AR) $(STRIP) readelf objcopy
MISSING := $(strip $(foreach tool,$(NEEDED),$(if $(shell command -v $(tool)),,$(tool))) \
             $(foreach h,libfdt.h fmt/core.h nlohmann/json.hpp CLI/CLI.hpp openssl/evp.h zstd.h lzma.h lz4.h bzlib.h zlib.h catch2/catch.hpp efi/efi.h,\
               $(if $(wildcard /usr/include/$(h) /usr/include/*/$(h)),,<$(h)>)))
ifneq ($(MISSING),)
$(error Not on this machine: $(MISSING).  `make deps` installs what the build needs)
endif
endif

# --- Directories --------------------------------------------------------------------------------------------------

BLD     := build
THIRD   := build/third_party
DTC     := $(THIRD)/dtc
ZSTD    := $(THIRD)/zstd
KERNELS := build/kernels
KEXEC   := build/kexec-tools

# Sources below a folder, in a stable order.
find = $(sort $(patsubst ./%,%,$(shell find $(wildcard $(1)) -name '$(2)' -type f 2>/dev/null)))

COMMON_ALL := $(filter-out common/arch/%,$(call find,common,*.cc))
COMMON_SRC := $(filter-out %-freestanding.cc,$(COMMON_ALL))
ARCH_SRC   := $(call find,common/arch/x86,*.cc) $(call find,common/arch/x86,*.S)
# The kexec shells: what both share, the relocatable object, the kernel image.
KEXEC_SRC  := $(wildcard purgatory/*.cc purgatory/*.S)
OBJECT_SRC := $(call find,purgatory/object,*.cc) $(call find,purgatory/object,*.S)
IMAGE_SRC  := $(call find,purgatory/image,*.cc) $(call find,purgatory/image,*.S)
TOOL_SRC   := $(call find,tools/mkhandover,*.cc)
SUPPORT_SRC := $(filter-out %/catch-main.cc,$(wildcard tests/support/*.cc))
CATCH_MAIN := tests/support/catch-main.cc
UNIT_SRC   := $(call find,tests/unit tests/tool,*.cc)
PROPERTY_SRC := $(wildcard tests/property/*.cc)
BENCH_SRC  := $(wildcard tests/bench/*.cc)
FUZZ_SRC   := $(wildcard tests/fuzz/*-fuzz.cc)
E2E_SRC    := $(wildcard tests/e2e/*.cc)
GUEST_SRC  := $(wildcard tests/e2e/guest/*.cc)

# --- Language -----------------------------------------------------------------------------------------------------

STD     := -std=c++20
INCLUDE := -I.
DEPGEN  := -MMD -MP
# common/ and the shells neither throw nor ask for types at run time; the tool and the tests may.
CORE    := -fno-exceptions -fno-rtti -fno-threadsafe-statics
OPT     := -O2
DEBUG   := -g

# --- Warnings -----------------------------------------------------------------------------------------------------

WARN_ALL := -Wall -Wextra -Werror -Wconversion -Wshadow -Wold-style-cast -Wcast-align -Wcast-qual -Wundef \
            -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
WARN_ONE := -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wsuggest-override
WARN     := $(WARN_ALL) $(foreach flag,$(WARN_ONE),$(call PROBE,$(flag)))
# To clang++ -Wconversion means signs as well.
SAN_WARN := $(WARN_ALL) -Wno-sign-conversion $(foreach flag,$(WARN_ONE),$(call PROBE,$(flag),$(SAN_CXX)))

# --- Sanitizers ---------------------------------------------------------------------------------------------------

# What ships traps on undefined behaviour; unit tests and fuzzers say what it was.
TRAP := -fsanitize=undefined -fno-sanitize=vptr \
        $(if $(CLANG),-fsanitize-trap=undefined -fno-sanitize=function,-fsanitize-undefined-trap-on-error)
SAN  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-sanitize=vptr,function -fno-omit-frame-pointer
# What fuzzers steer by; unit tests use the same objects.
COVER := -fsanitize=fuzzer-no-link

# --- Common, hosted -----------------------------------------------------------------------------------------------

# SHA-NI has a file of its own, which alone may use vector registers.
NI_SRC   := common/codec/sha256-ni.cc
NI_FLAGS := -msse4.1 -mssse3 -msha -mno-avx

HOST_FLAGS = $(STD) $(WARN) $(OPT) $(DEBUG) $(TRAP) $(INCLUDE) $(DEPGEN) $(ISA)
SAN_FLAGS  = $(STD) $(SAN_WARN) $(SAN_OPT) $(DEBUG) $(SAN) $(INCLUDE) $(DEPGEN) $(ISA)

# Most of the time goes into compiling tests, so what is not measured is hardly optimised.
SAN_OPT := -O0
$(BLD)/san/common/% $(BLD)/san/tests/fuzz/%: private SAN_OPT := -O1 $(COVER)
$(BLD)/host/tools/%: OPT := -O1
$(BLD)/host/tests/e2e/%: OPT := -O0

host = $(patsubst %,$(BLD)/host/%.o,$(basename $(1)))
san  = $(patsubst %,$(BLD)/san/%.o,$(basename $(1)))

COMMON_HOST := $(call host,$(COMMON_SRC))
COMMON_SAN  := $(call san,$(COMMON_SRC))

$(call host,$(NI_SRC)) $(call san,$(NI_SRC)): ISA := $(NI_FLAGS)

$(BLD)/host/common/%.o: common/%.cc Makefile
	$(call say,host,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(HOST_FLAGS) $(CORE) -c $< -o $@

$(BLD)/san/common/%.o: common/%.cc Makefile
	$(call say,san,$<)
	@mkdir -p $(@D)
	$(Q)$(SAN_CXX) $(SAN_FLAGS) $(CORE) -c $< -o $@

$(BLD)/host/%.o: %.cc Makefile
	$(call say,host,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(HOST_FLAGS) $(MORE_FLAGS) -c $< -o $@

# What the tool's and the tests' files have in common is parsed, and its templates are made, once.
SAN_PCH := $(BLD)/san/precompiled.pch
$(SAN_PCH): tests/support/precompiled.h Makefile
	$(call say,pch,$<)
	@mkdir -p $(@D)
	$(Q)$(SAN_CXX) $(SAN_FLAGS) -x c++-header -fpch-instantiate-templates $< -o $@

$(BLD)/san/%.o: %.cc Makefile $(SAN_PCH)
	$(call say,san,$<)
	@mkdir -p $(@D)
	$(Q)$(SAN_CXX) $(SAN_FLAGS) $(SAN_USE_PCH) $(MORE_FLAGS) -c $< -o $@

# Not for files that are compiled otherwise than it was, nor for the one that makes Catch2's main.
SAN_USE_PCH = -include-pch $(SAN_PCH)
$(BLD)/san/tests/fuzz/% $(call san,$(CATCH_MAIN)): SAN_USE_PCH :=

$(BLD)/host/libcommon.a: $(COMMON_HOST)
$(BLD)/san/libcommon.a: $(COMMON_SAN)
$(BLD)/%/libcommon.a: Makefile
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

# --- Common, freestanding -----------------------------------------------------------------------------------------

# No library, no start files, no vector registers: CR4.OSFXSR is off when a stage is entered.  Everything is
# reached relative to the instruction pointer, and nothing through a global offset table, so that one set of
# objects makes the purgatory, which its loader relocates to any address, and the image, which nobody relocates.
INTEGER_ONLY := -mno-sse -mno-mmx
BARE     := -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables \
            -fno-builtin-printf -mno-red-zone -fcf-protection=none -fvisibility=hidden -include common/base/hidden.h \
            -fno-common -ffunction-sections -fdata-sections $(call PROBE,-fno-tree-loop-distribute-patterns)
PLACE    := -fpie -mcmodel=small
STAGE_FLAGS = $(STD) $(WARN) $(OPT) $(CORE) $(BARE) $(PLACE) $(TRAP) $(INCLUDE) -isystem $(DTC)/libfdt \
              -isystem $(ZSTD)/lib $(DEPGEN) $(or $(ISA),$(INTEGER_ONLY))
# Third-party C, compiled as the stage is.
STAGE_C_FLAGS = -std=gnu11 -w $(OPT) $(BARE) $(PLACE) $(INTEGER_ONLY) -U_FORTIFY_SOURCE $(DEPGEN) -I.

stage = $(patsubst %,$(BLD)/stage/%.o,$(basename $(1)))

LIBFDT       := fdt fdt_ro fdt_check fdt_sw fdt_strerror
LIBFDT_STAGE := $(LIBFDT:%=$(BLD)/stage/libfdt/%.o)
ZSTD_STAGE   := $(BLD)/stage/libzstd/zstddeclib.o
COMMON_STAGE := $(call stage,$(COMMON_ALL))
ARCH_STAGE   := $(call stage,$(ARCH_SRC))

$(call stage,$(NI_SRC)): ISA := $(NI_FLAGS)

# The headers of a library are there once its source is.
$(BLD)/stage/%.o: %.cc Makefile $(DTC).pins $(ZSTD).pins
	$(call say,stage,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(STAGE_FLAGS) -c $< -o $@

$(BLD)/stage/%.o: %.S Makefile
	$(call say,stage,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(INCLUDE) $(DEPGEN) -D__ASSEMBLER__ -Wa,--noexecstack,--fatal-warnings -c $< -o $@

$(LIBFDT_STAGE): $(BLD)/stage/libfdt/%.o: $(DTC).pins Makefile
	$(call say,stage,$(DTC)/libfdt/$*.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STAGE_C_FLAGS) -isystem $(DTC)/libfdt -c $(DTC)/libfdt/$*.c -o $@

# Without assertions, run-time dispatch on the processor, and vector code.
$(ZSTD_STAGE): $(ZSTD).pins Makefile
	$(call say,stage,zstddeclib.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STAGE_C_FLAGS) -DNDEBUG -DXXH_VECTOR=0 -DDYNAMIC_BMI2=0 -DZSTD_NO_INTRINSICS \
	  -c $(ZSTD)/build/single_file_libs/zstddeclib.c -o $@

common: $(BLD)/host/libcommon.a $(COMMON_STAGE) $(LIBFDT_STAGE) $(ZSTD_STAGE)

# --- Purgatory ----------------------------------------------------------------------------------------------------

# What both shapes are made of; each takes what it needs of it.
SHARED_OBJ := $(call stage,$(KEXEC_SRC)) $(ARCH_STAGE) $(COMMON_STAGE) $(LIBFDT_STAGE) $(ZSTD_STAGE)
PURG_OBJ   := $(call stage,$(OBJECT_SRC)) $(SHARED_OBJ)
IMAGE_OBJ  := $(call stage,$(IMAGE_SRC)) $(SHARED_OBJ)

# C++ gives every inline function a section of its own, and a purgatory has one
# of each kind: the script folds them together.
$(BLD)/purgatory.ro: $(PURG_OBJ) purgatory/object/purgatory.ld $(BLD)/purgatory.chk
	$(call say,link,$@)
	$(Q)$(LD) -r --force-group-allocation --gc-sections -T purgatory/object/purgatory.ld -e purgatory_start $(PURG_OBJ) -o $@.new
	$(Q)$(STRIP) --strip-debug $@.new
	@mv $@.new $@

# `ld -r` does not miss an undefined symbol: a full link, thrown away, does.  bss_start and purgatory_end
# are the script's.
$(BLD)/purgatory.chk: $(PURG_OBJ)
	$(call say,check,$@)
	$(Q)$(LD) -e purgatory_start -z nodefaultlib --no-undefined --no-warn-rwx-segments --gc-sections \
	  --defsym=purgatory_end=_end --defsym=bss_start=__bss_start $^ -o $@

purgatory: $(BLD)/purgatory.ro

# --- Kernel image -------------------------------------------------------------------------------------------------

# One flat file: the linker's relative relocations are applied by the image itself at its entry.
$(BLD)/holdfast.elf: $(IMAGE_OBJ) purgatory/image/image.ld
	$(call say,link,$@)
	$(Q)$(LD) -pie --no-dynamic-linker -z norelro -z noexecstack --no-undefined --no-warn-rwx-segments --gc-sections \
	  --orphan-handling=error -T purgatory/image/image.ld $(IMAGE_OBJ) -o $@

$(BLD)/holdfast.bzimage: $(BLD)/holdfast.elf
	$(call say,image,$@)
	$(Q)objcopy -O binary --set-section-flags .bss=alloc,load,contents $< $@

image: $(BLD)/holdfast.bzimage

# --- EFI application ----------------------------------------------------------------------------------------------

EFI_SRC := $(call find,efi-stub,*.cc) $(call find,efi-stub,*.S)
EFI_OBJ := $(call stage,$(EFI_SRC)) $(ARCH_STAGE) $(COMMON_STAGE) $(LIBFDT_STAGE) $(ZSTD_STAGE)
# Firmware's convention is the compiler's ms_abi: its tables are called as they are, with checked types.
GNU_EFI := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI

$(call stage,$(EFI_SRC)): STAGE_FLAGS += $(GNU_EFI)

# GNU-EFI's crt0 and its _relocate; none of its library.
$(BLD)/holdfast.so: $(EFI_OBJ) efi-stub/efi.ld
	$(call say,link,$@)
	$(Q)$(LD) -shared -Bsymbolic -nostdlib -znocombreloc -znorelro -zmax-page-size=4096 -z noexecstack --no-undefined \
	  --build-id=none --gc-sections --orphan-handling=error --fatal-warnings --no-warn-rwx-segments -T efi-stub/efi.ld \
	  /usr/lib/crt0-efi-x86_64.o $(EFI_OBJ) -o $@ /usr/lib/libgnuefi.a

$(BLD)/holdfast.efi: $(BLD)/holdfast.so
	$(call say,efi,$@)
	$(Q)objcopy -S -j .text -j .rodata -j .sbat -j .data -j .dynamic -j .dynsym -j '.rel*' -j .reloc -j .bss \
	  --target efi-app-x86_64 --subsystem=10 $< $@

efi: $(BLD)/holdfast.efi

# --- Tool ---------------------------------------------------------------------------------------------------------

TOOL_LIBS := -lfdt -lzstd -llzma -llz4 -lbz2 -lz -lcrypto -pthread
TOOL_HOST := $(call host,$(TOOL_SRC))

$(BLD)/mkhandover: $(TOOL_HOST) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	$(Q)$(CXX) $^ $(TOOL_LIBS) -o $@

$(BLD)/mkhandover-static: $(TOOL_HOST) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	$(Q)$(CXX) -static -Wl,--no-warnings $^ $(TOOL_LIBS) -o $@
	$(Q)$(STRIP) $@

# The library under keep and restore: what the tool is made of, without its verbs.
LIB_PARTS := $(filter-out %/main.o %/tool.o %/verbs.o %-words.o %-command.o,$(TOOL_HOST))

$(BLD)/libholdfast.a: $(LIB_PARTS) $(COMMON_HOST) Makefile
	$(call say,archive,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)
	$(Q)$(STRIP) --strip-debug $@

PREFIX ?= /usr/local
# PREFIX is no file whose time make could see: written each time, and replaced if it says something else.
$(BLD)/holdfast.pc: tools/mkhandover/store/holdfast.pc.in common/base/version.h FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBS@|$(TOOL_LIBS)|' \
	  -e "s|@VERSION@|$$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' common/base/version.h)|" $< >$@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

library: $(BLD)/libholdfast.a $(BLD)/holdfast.pc  ## libholdfast: keep memory across kexec from a program

tool: $(BLD)/mkhandover $(BLD)/mkhandover-static library

# --- Tests --------------------------------------------------------------------------------------------------------

TEST_LIBS  := $(TOOL_LIBS)
# Tests may use what the tool is made of, but have a main of their own.
TOOL_PARTS := $(filter-out %/main.cc,$(TOOL_SRC))
# So may they call the application's parts, on a table and a processor of their own.
EFI_PARTS := $(filter-out %/efi-main.cc %/processor.cc,$(filter %.cc,$(EFI_SRC))) common/arch/x86/readable-memory.cc
FAKE_EFI := $(patsubst %.cc,%.o,$(wildcard tests/support/fake-*.cc))
$(BLD)/san/efi-stub/% $(BLD)/san/tests/unit/efi-stub/%: MORE_FLAGS := $(GNU_EFI)
$(FAKE_EFI:%=$(BLD)/san/%) $(FAKE_EFI:%=$(BLD)/host/%): MORE_FLAGS := $(GNU_EFI)

$(BLD)/tests/unit: $(call san,$(UNIT_SRC) $(SUPPORT_SRC) $(CATCH_MAIN) $(TOOL_PARTS) $(EFI_PARTS)) $(BLD)/san/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(SAN_CXX) $(SAN) $^ $(TEST_LIBS) -o $@

$(BLD)/tests/property: $(call host,$(PROPERTY_SRC) $(SUPPORT_SRC) $(CATCH_MAIN)) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

$(BLD)/tests/e2e: $(call host,$(E2E_SRC) $(SUPPORT_SRC) $(CATCH_MAIN)) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

# Programs that run inside guests, where there is no library.
GUEST := $(patsubst tests/e2e/guest/%.cc,$(BLD)/guest/%,$(GUEST_SRC))
$(GUEST): $(BLD)/guest/%: $(BLD)/host/tests/e2e/guest/%.o $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -static -Wl,--no-warnings $^ $(TEST_LIBS) -o $@
	$(Q)$(STRIP) $@
# One of them is a user of the library.
$(BLD)/guest/keeper: $(BLD)/libholdfast.a

# What a guest's guest runs, a ROM.
NESTED := $(BLD)/guest/nested.bin
$(NESTED): tests/e2e/guest/nested.S
	$(call say,rom,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $(@:.bin=.o)
	$(Q)objcopy -O binary -j .text $(@:.bin=.o) $@
	$(Q)rm $(@:.bin=.o)

TEST_BINARIES := $(if $(UNIT_SRC),$(BLD)/tests/unit) $(if $(PROPERTY_SRC),$(BLD)/tests/property) \
                 $(if $(E2E_SRC),$(BLD)/tests/e2e) $(GUEST)
# The shipped object with one fault in it, for the scenario that shows how a fault ends.
FAULTY := $(KEXEC)/bookworm/kexec-with-fault
$(FAULTY): $(BLD)/purgatory.ro $(KEXEC)/bookworm/kexec tests/e2e/plant-fault.sh
	$(call say,embed,$@)
	$(Q)tests/e2e/plant-fault.sh $< MakeBootPlan $(BLD)/purgatory-with-fault.ro
	$(Q)tools/deps/kexec-tools.sh bookworm embed $(BLD)/purgatory-with-fault.ro $@

# The stage with each kernel inside, once for each way into it.
IMAGES := $(foreach kernel,6.1 6.12 new kho,$(foreach entry,vmlinux bzimage,$(BLD)/images/$(kernel)-$(entry)))
$(IMAGES): $(BLD)/images/%: $(BLD)/mkhandover $(BLD)/holdfast.bzimage $(KERNELS)/6.1/vmlinuz $(KERNELS)/6.12/vmlinuz $(KERNELS)/new/vmlinuz $(KERNELS)/kho/vmlinuz
	$(call say,bundle,$@)
	@mkdir -p $(@D)
	$(Q)$(BLD)/mkhandover bundle -q -o $@ --image $(BLD)/holdfast.bzimage --entry $(lastword $(subst -, ,$*)) \
	  --kernel $(KERNELS)/$(firstword $(subst -, ,$*))/vmlinuz

E2E_NEEDS := $(FAULTY) $(IMAGES) $(NESTED) $(BLD)/holdfast.efi $(BLD)/tests/e2e $(GUEST) $(BLD)/holdfast.bzimage $(BLD)/mkhandover $(BLD)/mkhandover-static kexec-tools kernels kho-kernel

unit: $(BLD)/tests/unit  ## unit tests, under ASan and UBSan
	$(Q)tests/summary.sh catch unit $<

# Handovers of every dialect, for the command line's tests.
WRITE_DIALECTS := $(BLD)/tests/write-dialects
$(WRITE_DIALECTS): $(call host,tests/dialects/write-dialects.cc) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

cli: $(BLD)/mkhandover library $(WRITE_DIALECTS) kernels kho-kernel  ## mkhandover as its users call it: texts, JSON, exit codes
	$(Q)tests/summary.sh run cli tests/tool/cli-test.sh || bad=1; \
	tests/summary.sh run cli-store tests/tool/store-test.sh || bad=1; [ -z "$$bad" ]

property: $(BLD)/tests/property  ## properties on random maps; HOLDFAST_PROPERTY_CASES=N for more of them
	$(Q)tests/summary.sh catch property $<

e2e: $(E2E_NEEDS)  ## real kernels in QEMU guests
	$(Q)tests/summary.sh run e2e tests/e2e/run.sh

matrix: $(E2E_NEEDS)  ## every old and new kernel, loader, entry and firmware, into build/e2e/matrix.md; an hour
	$(Q)tests/summary.sh run matrix tests/e2e/run.sh '[pairs],[matrix],[exhaustive]'; code=$$?; \
	  tests/e2e/matrix-table.sh >$(BLD)/e2e/matrix.md && exit $$code

# The suites go one after another, each on all cores, but for three of one process each; a failed one does not hide
# the next.  The KHO kernel takes minutes where no cache has it, and is built beside the rest.
SUITES := lint gates clang 'unit cli property' fuzz e2e
test:  ## everything: deps, build, lint, gates, clang, unit, cli, property, fuzz, e2e
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)tests/summary.sh start
	$(Q)if tests/summary.sh run build $(MAKE) --no-print-directory all test-binaries kho-kernel; then \
	  for suites in $(SUITES); do \
	    $(MAKE) --no-print-directory -k --output-sync=target $$suites || tests/summary.sh failed $$suites; \
	  done; \
	fi
	$(Q)tests/summary.sh end

# The benchmarks too, which nothing else of `make test` runs.
test-binaries: $(TEST_BINARIES) $(FUZZ_BIN) $(BLD)/tests/bench

# --- Fuzz ---------------------------------------------------------------------------------------------------------

FUZZ_SECONDS ?= 3
FUZZ_LIBFDT := $(LIBFDT:%=$(BLD)/fuzz/libfdt/%.o)
FUZZ_BIN    := $(patsubst tests/fuzz/%-fuzz.cc,$(BLD)/fuzz/%,$(FUZZ_SRC))

# From source, so that a read past a block inside libfdt is seen too.
$(FUZZ_LIBFDT): $(BLD)/fuzz/libfdt/%.o: $(DTC).pins Makefile
	@mkdir -p $(@D)
	$(Q)$(SAN_CC) -w -O1 $(DEBUG) $(COVER) -fsanitize=address -I$(DTC)/libfdt -c $(DTC)/libfdt/$*.c -o $@

$(FUZZ_BIN): $(BLD)/fuzz/%: $(BLD)/san/tests/fuzz/%-fuzz.o $(BLD)/san/libcommon.a $(FUZZ_LIBFDT)
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(SAN_CXX) -fsanitize=fuzzer,address,undefined $^ -lzstd -o $@

fuzz: $(FUZZ_BIN)  ## libFuzzer on every decoder, FUZZ_SECONDS=3 each
	$(Q)tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_BIN)

# The seeds are committed; this writes them anew where a format has changed.
CORPUS := $(BLD)/tests/make-corpus
$(CORPUS): $(call host,$(call find,tests/fuzz/corpus,*.cc) $(SUPPORT_SRC)) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

corpus: $(CORPUS)  ## the fuzzers' seeds in tests/data/fuzz, written anew
	$(Q)$(CORPUS) tests/data/fuzz

# --- Bench --------------------------------------------------------------------------------------------------------

# The rival: the digest of kexec-tools as its own purgatory compiles it.
RIVAL     := $(BLD)/bench/kexec-sha256.o
RIVAL_SRC := $(THIRD)/kexec-tools/bookworm/util_lib

$(RIVAL): $(THIRD)/kexec-tools/bookworm.pins Makefile
	$(call say,bench,$(RIVAL_SRC)/sha256.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -w -Os -fno-builtin -ffreestanding -fno-zero-initialized-in-bss -fno-pic -fno-pie -fno-stack-protector \
	  $(call PROBE,-fno-tree-vectorize) -O2 -mcmodel=large -I$(RIVAL_SRC)/include -c $(RIVAL_SRC)/sha256.c -o $@

$(BLD)/tests/bench: $(call host,$(BENCH_SRC) $(SUPPORT_SRC)) $(RIVAL) $(BLD)/libholdfast.a $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -no-pie $^ $(TEST_LIBS) -o $@

# On the end-to-end tests' guests: a kexec through the image beside a plain one; kept memory mapped after a kexec.
E2E_BENCHES := $(patsubst tests/e2e/bench/%.cc,$(BLD)/tests/%,$(wildcard tests/e2e/bench/*.cc))
$(E2E_BENCHES): $(BLD)/tests/%: $(BLD)/host/tests/e2e/bench/%.o $(call host,$(filter-out %-test.cc,$(E2E_SRC))) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

JUMP_ROUNDS ?= 5
bench: $(BLD)/tests/bench $(E2E_BENCHES) $(BLD)/purgatory.ro $(E2E_NEEDS) tool  ## digest, planning, the store, a kexec's time, sizes
	$(Q)$<
	$(Q)$(BLD)/tests/map-bench
	$(Q)$(BLD)/tests/jump-bench $(JUMP_ROUNDS)
	$(Q)$(MAKE) --no-print-directory sizes

ARTEFACTS = $(wildcard $(BLD)/purgatory.ro $(BLD)/holdfast.bzimage $(BLD)/holdfast.efi $(BLD)/mkhandover $(BLD)/mkhandover-static $(KEXEC)/*/kexec)
sizes:
	@for f in $(ARTEFACTS); do printf 'size %10d  %s\n' "$$(stat -c %s "$$f")" "$$f"; done

# --- Lint ---------------------------------------------------------------------------------------------------------

ROOMS      := common purgatory efi-stub tools tests
CXX_FILES   = $(call find,$(ROOMS),*.cc) $(call find,$(ROOMS),*.h)
LAYER_FILES = $(filter common/% purgatory/% efi-stub/% tools/%,$(CXX_FILES)) $(call find,common purgatory efi-stub,*.S)

LINTS := lint-layers lint-spdx lint-format lint-tidy lint-selftest
lint:  ## include floors, licences, format, clang-tidy, and the lints' own tests
	$(Q)for step in $(LINTS); do tests/summary.sh run $$step $(MAKE) --no-print-directory $$step || bad=1; done; [ -z "$$bad" ]

lint-layers:
	$(Q)awk -f tests/lint/layers.awk $(LAYER_FILES) /dev/null

lint-spdx:
	$(Q)tests/lint/spdx.sh

lint-format:
	$(Q)$(CLANG_FORMAT) --dry-run --Werror $(CXX_FILES)

# One stamp for each file, so that only what changed is read again.
TIDY_STAMPS := $(COMMON_SRC:%.cc=$(BLD)/tidy/%.stamp)
lint-tidy: $(TIDY_STAMPS)
$(TIDY_STAMPS): $(BLD)/tidy/%.stamp: %.cc $(BLD)/host/%.o .clang-tidy
	$(call say,tidy,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(STD) $(CORE) $(INCLUDE) $(if $(filter $<,$(NI_SRC)),$(NI_FLAGS)) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@

lint-selftest:
	$(Q)tests/lint/layers-selftest.sh
	$(Q)tests/lint/gates-selftest.sh
	$(Q)tests/lint/efi-gates-selftest.sh

gates: $(BLD)/purgatory.ro image efi  ## what must be true of the built purgatory, image and EFI application
	$(Q)tests/summary.sh run gates tests/lint/gates.sh $< || bad=1; \
	tests/summary.sh run gates-image tests/lint/image-gates.sh $(BLD) || bad=1; \
	tests/summary.sh run gates-efi tests/lint/efi-gates.sh $(BLD) || bad=1; \
	tests/summary.sh run gates-reproducible tests/lint/reproducible.sh $(BLD) || bad=1; [ -z "$$bad" ]

format:  ## rewrite sources with clang-format
	$(Q)$(CLANG_FORMAT) -i $(CXX_FILES)

# The stage must not lean on one compiler.
clang:  ## the stage with clang++, and its gates
	$(Q)$(MAKE) --no-print-directory CXX=clang++ CC=clang BLD=build/clang common purgatory image efi
	$(Q)tests/summary.sh run clang tests/lint/gates.sh build/clang/purgatory.ro || bad=1; \
	tests/summary.sh run clang-image tests/lint/image-gates.sh build/clang || bad=1; \
	tests/summary.sh run clang-efi tests/lint/efi-gates.sh build/clang || bad=1; [ -z "$$bad" ]

check:  ## lint, gates, sizes, and the stage with clang++
	$(Q)$(MAKE) --no-print-directory lint gates sizes
	$(Q)$(MAKE) --no-print-directory clang

# --- Third party --------------------------------------------------------------------------------------------------

deps:  ## install packages, fetch kernels and sources; REFRESH=1 asks for newer kernels
	$(Q)tools/deps/deps.sh

$(DTC).pins: tools/deps/pins
	$(Q)tools/deps/sources.sh dtc
	@touch $@

$(ZSTD).pins: tools/deps/pins
	$(Q)tools/deps/sources.sh zstd
	@touch $@

$(THIRD)/kexec-tools/%.pins: tools/deps/pins
	$(Q)tools/deps/sources.sh kexec-tools-$*
	@touch $@

KERNEL_FILES := $(patsubst %,$(KERNELS)/%/vmlinuz,6.1 6.12 new) $(patsubst %,$(KERNELS)/%/modules/efivarfs.ko,6.1 6.12 new)
$(firstword $(KERNEL_FILES)):
	$(Q)tools/deps/kernels.sh
$(wordlist 2,6,$(KERNEL_FILES)): $(firstword $(KERNEL_FILES))
	$(Q)test -f $@ || tools/deps/kernels.sh

kernels: $(KERNEL_FILES)

# A kernel that speaks KHO, compiled here; the script's cache knows when it has to be compiled again.
KHO_KERNEL := $(KERNELS)/kho/vmlinuz
$(KHO_KERNEL): tests/e2e/kernel/kho.config tools/deps/kho-kernel.sh
	$(Q)tools/deps/kho-kernel.sh

kho-kernel: $(KHO_KERNEL)

# --- Kexec-tools --------------------------------------------------------------------------------------------------

KEXEC_SUITES := bookworm trixie sid
KEXEC_STOCK  := $(KEXEC_SUITES:%=$(KEXEC)/%/kexec-stock)
KEXEC_OURS   := $(KEXEC_SUITES:%=$(KEXEC)/%/kexec)

$(KEXEC_STOCK): $(KEXEC)/%/kexec-stock: $(THIRD)/kexec-tools/%.pins tools/deps/kexec-tools.sh
	$(call say,build,$@)
	$(Q)tools/deps/kexec-tools.sh $* stock

$(KEXEC_OURS): $(KEXEC)/%/kexec: $(KEXEC)/%/kexec-stock build/purgatory.ro
	$(call say,embed,$@)
	$(Q)tools/deps/kexec-tools.sh $* embed build/purgatory.ro

kexec-tools: $(KEXEC_STOCK) $(KEXEC_OURS)  ## Debian's kexec-tools, three versions, with our purgatory inside

# --- Demo ---------------------------------------------------------------------------------------------------------

DEMO_SRC := $(wildcard tests/e2e/demo/*.cc) $(filter-out %-test.cc,$(E2E_SRC))

$(BLD)/tests/demo: $(call host,$(DEMO_SRC)) $(BLD)/host/libcommon.a
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(TEST_LIBS) -o $@

DEMO_NEEDS := $(BLD)/tests/demo $(GUEST) $(BLD)/mkhandover $(BLD)/mkhandover-static $(KEXEC)/bookworm/kexec \
              $(KERNELS)/6.1/vmlinuz

demo:  ## see kept memory survive a kexec, and what happens without Holdfast
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory demo-run
demo-run: $(DEMO_NEEDS)
	$(Q)tests/e2e/demo.sh

# --- Help ---------------------------------------------------------------------------------------------------------

help:  ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# --- Clean --------------------------------------------------------------------------------------------------------

# What was downloaded stays; `rm -rf build` is safe too, the cache has it all.
clean:  ## remove what was built, keep what was fetched
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name third_party ! -name kernels ! -name apt -exec rm -rf {} + 2>/dev/null || true

all: common purgatory image efi kexec-tools tool  ## the stage in its three shapes, the tool, kexec-tools

.PHONY: FORCE all common purgatory image efi tool library unit cli property e2e matrix test test-binaries fuzz bench sizes lint $(LINTS) gates clang format \
        check corpus deps kernels kho-kernel kexec-tools demo demo-run help clean

-include $(shell [ -d $(BLD) ] && find $(BLD)/host $(BLD)/san $(BLD)/stage -name '*.d' 2>/dev/null)
