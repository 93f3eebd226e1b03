# While installing: manual pages and what shells complete, by the program that was just installed.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(coffer "${root}/${COFFER_BINDIR}/coffer")

set(pages "${root}/${COFFER_MANDIR}/man1")
message(STATUS "Installing: ${pages}")
file(MAKE_DIRECTORY "${pages}")
execute_process(COMMAND "${coffer}" manual "${pages}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

function(install_completion shell path)
  set(script "${root}/${COFFER_DATADIR}/${path}")
  message(STATUS "Installing: ${script}")
  get_filename_component(folder "${script}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  execute_process(COMMAND "${coffer}" completion ${shell} OUTPUT_FILE "${script}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()
install_completion(bash bash-completion/completions/coffer)
install_completion(zsh zsh/site-functions/_coffer)
install_completion(fish fish/vendor_completions.d/coffer.fish)
