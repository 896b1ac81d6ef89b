// How an inspection is shown: a table for people, JSON for programs.

#include <format>

#include "base/table.h"
#include "base/text.h"
#include "updater/inspect.h"

namespace updater {
namespace {

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string state_of(const Slot& slot) {
  if (slot.running) return "running";
  return slot.empty() ? "empty" : "waiting";
}

// Whether the slot has ever been blessed: its entry has no counter (any more).
std::string blessed_text(const Slot& slot) {
  if (!slot.entry) return "-";
  return slot.entry->counted ? "no" : "yes";
}

}  // namespace

std::string_view name_of(Blessed state) {
  switch (state) {
    case Blessed::kClean:
      return "clean";
    case Blessed::kGood:
      return "good";
    case Blessed::kIndeterminate:
      return "indeterminate";
    case Blessed::kBad:
      return "bad";
    case Blessed::kUnknown:
      break;
  }
  return "unknown";
}

std::string describe(const Blessing& blessing) {
  switch (blessing.state) {
    case Blessed::kClean:
      return "blessed in an earlier boot";
    case Blessed::kGood:
      return "blessed in this boot";
    case Blessed::kIndeterminate:
      return std::format("not blessed yet, {} {} left", blessing.left, blessing.left == 1 ? "try" : "tries");
    case Blessed::kBad:
      return "given up as bad";
    case Blessed::kUnknown:
      break;
  }
  return "not known whether it is blessed";
}

base::Json to_json(const Blessing& blessing) {
  base::Json json{{"state", name_of(blessing.state)}, {"blessed", is_good(blessing)}};
  if (blessing.state == Blessed::kIndeterminate) {
    json["tries_left"] = blessing.left;
    json["tries_done"] = blessing.done;
  }
  return json;
}

base::Json to_json(const Inspection& inspection) {
  base::Json json{{"disk", inspection.disk},
                  {"esp", inspection.esp},
                  {"loader", inspection.loader.info},
                  {"selected_entry", inspection.loader.selected},
                  {"boot", to_json(inspection.blessing)},
                  {"slots", base::Json::array()},
                  {"warnings", inspection.warnings}};
  for (const Slot& slot : inspection.slots) {
    base::Json entry{{"slot", slot.name},
                     {"state", state_of(slot)},
                     {"version", slot.empty() ? base::Json() : base::Json(slot.version)},
                     {"partition", slot.device},
                     {"label", slot.label},
                     {"size", slot.size},
                     {"verity_partition", slot.verity_device.empty() ? base::Json() : base::Json(slot.verity_device)},
                     {"verity_label", slot.verity_label.empty() ? base::Json() : base::Json(slot.verity_label)},
                     {"uki", nullptr},
                     {"tries_left", nullptr},
                     {"tries_done", nullptr},
                     {"blessed", nullptr}};
    if (slot.entry) {
      entry["uki"] = slot.entry->file;
      entry["blessed"] = !slot.entry->counted;
      if (slot.entry->counted) {
        entry["tries_left"] = slot.entry->left;
        entry["tries_done"] = slot.entry->done;
      }
    }
    json["slots"].push_back(std::move(entry));
  }
  return json;
}

std::string to_text(const Inspection& inspection) {
  base::Table slots;
  slots.add_row({"SLOT", "STATE", "VERSION", "PARTITION", "LABEL", "SIZE", "UKI", "LEFT", "DONE", "BLESSED"});
  for (const Slot& slot : inspection.slots) {
    const bool counted = slot.entry && slot.entry->counted;
    slots.add_row({slot.name, state_of(slot), or_dash(slot.version), slot.device, or_dash(slot.label),
                   base::format_size(slot.size), slot.entry ? slot.entry->file : "-",
                   counted ? std::to_string(slot.entry->left) : "-", counted ? std::to_string(slot.entry->done) : "-",
                   blessed_text(slot)});
  }
  base::Table rest;
  rest.add_row({"Disk", inspection.disk});
  rest.add_row({"ESP", or_dash(inspection.esp)});
  rest.add_row({"Loader", or_dash(inspection.loader.info)});
  rest.add_row({"Started", or_dash(inspection.loader.selected)});
  rest.add_row({"This boot", describe(inspection.blessing)});

  std::string text = slots.text() + "\n" + rest.text();
  for (const std::string& warning : inspection.warnings) text += std::format("Warning: {}\n", warning);
  return text;
}

}  // namespace updater
