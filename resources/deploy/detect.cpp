// Finds objects on images with an exported network: ONNX Runtime and OpenCV.
//
//     ./detect images/a.jpg [MORE ...]
//
// prints a line for every object: image, class, confidence, and left, top, right, bottom in pixels.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <onnxruntime_cxx_api.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "kit.hpp"  // the network's file, its classes and its image size

struct Object {
    float left, top, right, bottom, score;
    int kind;
};

struct Frame {
    float across, down;
    int left, top;
};

// Scale an image to the network's size, with grey around it: red, green, blue, 0 to 1.
static std::vector<float> letterboxed(const cv::Mat& image, Frame& frame) {
    const double scale = std::min(double(kHeight) / image.rows, double(kWidth) / image.cols);
    const int rows = std::max(int(std::nearbyint(image.rows * scale)), 1);
    const int columns = std::max(int(std::nearbyint(image.cols * scale)), 1);
    frame.top = int(std::nearbyint((kHeight - rows) / 2.0 - 0.1));
    frame.left = int(std::nearbyint((kWidth - columns) / 2.0 - 0.1));
    frame.across = float(columns) / image.cols;
    frame.down = float(rows) / image.rows;
    cv::Mat canvas(kHeight, kWidth, CV_8UC3, cv::Scalar(114, 114, 114)), inner;
    cv::resize(image, inner, cv::Size(columns, rows), 0, 0, cv::INTER_LINEAR);
    inner.copyTo(canvas(cv::Rect(frame.left, frame.top, columns, rows)));
    const int area = kHeight * kWidth;
    std::vector<float> ready(3 * area);
    for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x) {
            const cv::Vec3b& pixel = canvas.at<cv::Vec3b>(y, x);
            for (int band = 0; band < 3; ++band)
                ready[band * area + y * kWidth + x] = pixel[2 - band] / 255.0f;
        }
    return ready;
}

static float overlap(const Object& one, const Object& other) {
    const float width = std::min(one.right, other.right) - std::max(one.left, other.left);
    const float height = std::min(one.bottom, other.bottom) - std::max(one.top, other.top);
    const float common = std::max(width, 0.0f) * std::max(height, 0.0f);
    const float both = (one.right - one.left) * (one.bottom - one.top) +
                       (other.right - other.left) * (other.bottom - other.top);
    return common / (both - common);
}

// Objects in the network's input, the surest first.
static std::vector<Object> decoded(const float* data, const std::vector<int64_t>& shape) {
    std::vector<Object> found;
    if (kRows) {  // the network picks its objects itself: rows of corners, score and class
        for (int64_t n = 0; n < shape[1]; ++n) {
            const float* row = data + n * shape[2];
            if (row[4] > kConfidence)
                found.push_back({row[0], row[1], row[2], row[3], row[4], int(row[5])});
        }
        return found;
    }
    const int64_t count = shape[2];  // columns of middle, size and a score for every class
    const int classes = int(kNames.size());
    for (int64_t n = 0; n < count; ++n) {
        int best = 0;
        for (int kind = 1; kind < classes; ++kind)
            if (data[(4 + kind) * count + n] > data[(4 + best) * count + n]) best = kind;
        const float score = data[(4 + best) * count + n];
        if (score <= kConfidence) continue;
        const float x = data[n], y = data[count + n];
        const float width = data[2 * count + n] / 2, height = data[3 * count + n] / 2;
        found.push_back({x - width, y - height, x + width, y + height, score, best});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Object& a, const Object& b) { return a.score > b.score; });
    std::vector<Object> kept;
    for (const Object& one : found) {
        const bool hidden = std::any_of(kept.begin(), kept.end(), [&](const Object& other) {
            return other.kind == one.kind && overlap(one, other) > kOverlap;
        });
        if (!hidden) kept.push_back(one);
        if (kept.size() == 300) break;
    }
    return kept;
}

int main(int count, char** arguments) {
    if (count < 2) {
        std::cerr << "usage: detect IMAGE [IMAGE ...]\n";
        return 2;
    }
    Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "detect");
    Ort::SessionOptions options;
    Ort::Session session(environment, kModel, options);
    Ort::AllocatorWithDefaultOptions allocator;
    const auto input = session.GetInputNameAllocated(0, allocator);
    const auto output = session.GetOutputNameAllocated(0, allocator);
    const char* inputs[] = {input.get()};
    const char* outputs[] = {output.get()};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::cout << std::fixed << std::setprecision(4);
    for (int number = 1; number < count; ++number) {
        const cv::Mat image = cv::imread(arguments[number], cv::IMREAD_COLOR);
        if (image.empty()) {
            std::cerr << arguments[number] << " cannot be read.\n";
            return 1;
        }
        Frame frame;
        std::vector<float> ready = letterboxed(image, frame);
        const int64_t shape[] = {1, 3, kHeight, kWidth};
        Ort::Value value =
            Ort::Value::CreateTensor<float>(memory, ready.data(), ready.size(), shape, 4);
        auto made = session.Run(Ort::RunOptions{nullptr}, inputs, &value, 1, outputs, 1);
        const auto found = decoded(made[0].GetTensorData<float>(),
                                   made[0].GetTensorTypeAndShapeInfo().GetShape());
        const auto limited = [](float place, int most) {
            return std::min(std::max(place, 0.0f), float(most));
        };
        for (const Object& one : found)
            std::cout << arguments[number] << '\t' << kNames[one.kind] << '\t' << one.score << '\t'
                      << limited((one.left - frame.left) / frame.across, image.cols) << ' '
                      << limited((one.top - frame.top) / frame.down, image.rows) << ' '
                      << limited((one.right - frame.left) / frame.across, image.cols) << ' '
                      << limited((one.bottom - frame.top) / frame.down, image.rows) << '\n';
    }
    return 0;
}
